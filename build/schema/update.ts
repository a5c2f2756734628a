/** The target file's `update`: when a new build that runs beside the present one may take its place. */
import { z } from "zod";
import { expectations } from "./expect.ts";
import { duration } from "./units.ts";

const SHARE = /^(?:0|[1-9]\d?)(?:\.\d{1,2})?%$/;

/** Of 1, of a text such as "5%" that the schema took. */
export function parseShare(text: string): number {
  return Number(text.slice(0, -1)) / 100;
}

export const updateSchema = z
  .strictObject({
    ready_within: duration("How long a new build may take to serve. Left out, 10s.").optional(),
    probation: duration("How long a new build that serves is on trial. Left out, 60s.").optional(),
    error_ratio: z
      .string()
      .regex(SHARE)
      .meta({
        description:
          "Greatest part of its answers on trial that may be 5xx, whoever is to blame, or break off. Left out, 5%.",
        examples: ["5%", "0.5%"],
      })
      .register(expectations, {
        expected: "a percentage such as 5% or 0.5%",
        hint: (found) => (typeof found === "number" ? { advice: 'a part of 100, with its sign: "5%"' } : undefined),
      })
      .optional(),
    p99: duration(
      "On trial 99 of 100 answers must be faster; from the request's head to the answer's last byte. Left out, time is no reason.",
    ).optional(),
    min_requests: z
      .int()
      .min(1)
      .max(1_000_000)
      .describe("With fewer answers on trial than this, neither errors nor time are a reason. Left out, 100.")
      .optional(),
  })
  .describe(
    "The executable can install itself, take over from the one that runs, and be rolled back. Left out: none of that is in it.",
  );
