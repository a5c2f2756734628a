/** The target file's `service`: who runs the executable on the device, and with which rights. */
import { z } from "zod";
import { expectations, impossible } from "./expect.ts";
import { DURATION, duration, parseDurationMs } from "./units.ts";

/** systemd's own rule for names (User/Group Name Syntax), strict mode. */
const USER = /^[a-z_][a-z0-9_-]{0,30}$/;
/**
 * Each sign of life is a process of its own (systemd-notify) and a request to itself, twice in this time: below, a
 * slow board would spend more on them than on its work, and one long write to its flash would look like a hang.
 */
const WATCHDOG_MS_MIN = 5_000;

const user = z
  .string()
  .regex(USER)
  .refine((name) => name !== "root")
  .meta({
    description:
      "The name of a user that the device has. Left out, or dynamic: one that exists while the service runs.",
    examples: ["dynamic", "gateway"],
  })
  .register(expectations, {
    expected: 'dynamic or the name of a user such as "gateway"',
    hint: (found) => {
      if (found === "root" || found === 0)
        return { advice: "the service needs none of root's rights; leave it out, and it gets a user of its own" };
      if (typeof found === "number") return { advice: "systemd takes numbers, but nobody remembers whose they are" };
      return { advice: "lower-case letters, digits, _ and -, at most 31" };
    },
  });

const watchdog = duration("Longest time without a sign of life before the service is killed and started again.")
  .refine((text) => parseDurationMs(text) >= WATCHDOG_MS_MIN)
  .meta({ examples: ["30s", "2m"] })
  .register(expectations, {
    expected: "a duration from 5s to 24h",
    hint: (found) => {
      if (typeof found === "string" && DURATION.test(found))
        return {
          advice: "each sign of life is a process of its own and a request through a listener, twice in this time",
        };
      return /^\d+$/.test(String(found)) ? { code: "HW1105", advice: `write ${found}s` } : undefined;
    },
  });

const credentials = z
  .strictObject({
    from: z
      .string()
      .regex(/^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._@-]+)+\/?$/)
      .meta({
        description: "The folder on the device that has a file for each credential, named like it.",
        examples: ["/etc/pump-station/credentials"],
      })
      .register(expectations, {
        expected: 'an absolute path such as "/etc/pump-station/credentials"',
        hint: (found) =>
          typeof found === "string" && found.startsWith("/")
            ? { advice: "letters, digits, and . _ @ - between the slashes, and neither . nor .. alone" }
            : undefined,
      }),
    encrypted: z
      .boolean()
      .describe("They were encrypted for this device by systemd-creds. Left out: they are plain files.")
      .optional(),
  })
  .describe("Where systemd takes credentials from, which it hands to this service alone.");

export const serviceSchema = z
  .strictObject({
    manager: z.enum(["systemd"]).describe("The device's service manager. Without one leave `service` out."),
    user: user.optional(),
    watchdog: watchdog.optional(),
    credentials: credentials.optional(),
  })
  .register(impossible, {
    hardening: "it is always strict; what one device needs beyond it goes into a drop-in there (systemctl edit)",
  })
  .describe("How the device runs the executable. Left out: nothing of a service manager is in it.");
