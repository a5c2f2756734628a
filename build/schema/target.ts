/** The target file's schema: what a device is. The same rules as for the routes file hold. */
import { z } from "zod";
import { expectations, impossible } from "./expect.ts";
import { packageSchema } from "./package.ts";
import { CLIENT_IDLE, name } from "./routes.ts";
import { serviceSchema } from "./service.ts";
import { duration, size, sizeBetween } from "./units.ts";
import { updateSchema } from "./update.ts";

const listener = z
  .strictObject({
    address: z
      .string()
      .meta({
        description:
          "Literal address and port; 0.0.0.0 and [::] are every address. An admin listener can be unix:/PATH.",
        // For editors only: what is wrong with an address is said better by analyse/listeners.ts.
        pattern: "^(([0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}|unix:/.+)$",
        examples: ["127.0.0.1:8080", "[::1]:8080"],
      })
      .register(expectations, {
        expected: 'an address and port such as "127.0.0.1:8080" or "[::1]:8080"',
        hint: (found) => (typeof found === "number" ? { advice: `write "127.0.0.1:${found}"` } : undefined),
      }),
    reach: z
      .literal("network")
      .describe("Lets other machines reach an admin listener, which asks nobody who they are. Left out, it is refused.")
      .optional(),
  })
  .describe("One address the device listens on.");

export const targetSchema = z
  .strictObject({
    extends: z
      .string()
      .meta({
        description:
          "Another target file, by its path from this one: what it says holds where this file says nothing. Mappings are joined, all else is replaced.",
        pattern: "^[^/]",
        examples: ["linux-arm64.yaml", "../base.yaml"],
      })
      .register(expectations, { expected: 'the path of a target file, from this file on, such as "linux-arm64.yaml"' })
      .optional(),
    target: z.enum(["linux-x64", "linux-arm64"]).describe("System and processor of the device."),
    listeners: z
      .record(name("A listener's name."), listener)
      .describe("The listeners by name.")
      .refine((listeners) => Object.keys(listeners).length > 0)
      .register(expectations, {
        expected: "at least one listener, by name",
        hint: () => ({ code: "HW1106", advice: 'such as public: { address: "127.0.0.1:8080" }' }),
      }),
    libc: z
      .strictObject({
        floor: z
          .string()
          .regex(/^2\.\d{1,2}$/)
          .meta({ description: "Oldest glibc the executable must run on.", examples: ["2.36"] })
          .register(expectations, { expected: 'a glibc version in quotes such as "2.36"' })
          .optional(),
      })
      .describe("The device's C library.")
      .optional(),
    limits: z
      .strictObject({
        connections: z
          .int()
          .min(1)
          .max(1_000_000)
          .describe("Most client connections open at once; a further one is closed. Left out, four times in_flight.")
          .optional(),
        in_flight: z
          .int()
          .min(1)
          .max(65535)
          .describe("Most requests in flight at once; further ones are answered 503.")
          .optional(),
        descriptors: z
          .int()
          .min(32)
          .max(10_000_000)
          .describe("Most file descriptors the device lets the program open; a build that could need more fails.")
          .optional(),
        header_bytes: sizeBetween(
          "1KiB",
          "16KiB",
          "Longest head of a request, from its first line to the empty one; longer ones are answered 431.",
        ).optional(),
        uri: sizeBetween(
          "512B",
          "16KiB",
          "Longest path and query of a request together, header_bytes at the most; longer ones are answered 414.",
        ).optional(),
      })
      .register(impossible, { headers: "fields are limited by route; set limits.headers there, or under defaults" })
      .describe("Limits of the whole device program.")
      .optional(),
    memory: z
      .strictObject({
        budget: size("Most memory the program may need at its limits; a build that could need more fails.").optional(),
        heap: sizeBetween("8MiB", "4GiB", "V8's heap, of it; left out, what the plan can need.").optional(),
      })
      .describe("Memory of the device program.")
      .optional(),
    timing: z
      .strictObject({ drain: duration("How long requests in flight may go on after SIGTERM.").optional() })
      .register(impossible, { client_idle: CLIENT_IDLE })
      .describe("Times of the whole device program.")
      .optional(),
    service: serviceSchema.optional(),
    package: packageSchema.optional(),
    update: updateSchema.optional(),
    size: z
      .strictObject({
        binary: size("Most bytes of the whole executable.").optional(),
        payload: size("Most bytes of program and constants, without the runtime.").optional(),
      })
      .describe("Ceilings of the executable's parts.")
      .optional(),
    overrides: z
      .record(
        z.string().meta({
          description: 'Where the value stands in the routes file: "routes.NAME.timeouts.request".',
          examples: ["routes.plc.timeouts.request", "upstreams.plc.endpoints"],
        }),
        z.unknown().describe("The value for this target; the routes file's rules hold for it."),
      )
      .describe("Values that the routes file sets and that are different on this target, each by its path.")
      .register(expectations, { expected: 'a mapping such as { "routes.plc.timeouts.request": 60s }' })
      .optional(),
  })
  .describe("A hardwire target file.");

export type TargetFile = z.infer<typeof targetSchema>;
