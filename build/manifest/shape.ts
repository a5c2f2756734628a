/**
 * The manifest's form, which `BINARY --manifest`, `hardwire inspect` and `hardwire diff` have in common. Sections are
 * objects by name, in file order; keys have their units (`_ms`, `_bytes`); null is "any" or "none".
 *
 * The version is raised when something that is here changes its meaning. What is new beside it needs no new version:
 * routes, upstreams and limits show every setting the plan has, so readers take what they do not know as it is.
 */
import { z } from "zod";

export const MANIFEST_VERSION = 1;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** Settings, possibly in groups: `{ timeouts: { connect_ms: 1000 } }`. */
const settings = z.record(z.string(), z.json());

export const manifestSchema = z
  .looseObject({
    manifest: z.literal(MANIFEST_VERSION).describe("Version of this form."),
    name: z.string().describe("The routes file's name."),
    target: z.enum(["linux-x64", "linux-arm64"]),
    versions: z.object({ hardwire: z.string(), node: z.string(), uwebsockets: z.string() }),
    glibc: z.string().describe("Oldest glibc it runs on."),
    features: z.array(z.string()).describe("The features in it, in the order they run."),
    listeners: z.record(z.string(), settings),
    admin_listeners: z.record(z.string(), settings).optional(),
    observability: settings.optional(),
    limits: settings.describe("Of the whole device program."),
    service: settings.optional().describe("How the device's service manager runs it; left out where none does."),
    update: settings.optional().describe("What a new build must reach to take over; left out where none can."),
    credentials: z.array(z.string()).optional().describe("Names of those that it reads when it runs."),
    upstreams: z.record(z.string(), settings.and(z.object({ endpoints: z.record(z.string(), settings) }))),
    routes: z.record(
      z.string(),
      settings.and(
        z.object({
          hosts: z.array(z.string()).nullable(),
          path: z.string().nullable(),
          path_regex: z.string().nullable(),
          methods: z.array(z.string()).nullable(),
          upstream: z.string().nullable(),
        }),
      ),
    ),
    budget: z.record(z.string(), z.record(z.string(), z.number().nullable())).describe("Worst cases, as sums."),
    overrides: z.array(z.string()).describe("The routes file's values that the target file replaced."),
    tests: z.number().describe("How many of the routes file it can run on itself."),
    sha256: z
      .object({ routes: sha256, target: sha256, program: sha256, runtime: sha256, addon: sha256 })
      .describe("Both input files as read; program, runtime and addon as packed."),
  })
  .describe("What was built, from what. No secrets, no paths of the build machine.");

export type Manifest = z.infer<typeof manifestSchema>;
