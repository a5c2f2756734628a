/** Conditions on a request's fields and on its query: the keys `headers` and `query` of a route's `match`. */
import { z } from "zod";
import { expectations, type Hint } from "./expect.ts";

const FORMS = '"value", { prefix: "value" }, { present: true } or { present: false }';
const CHARS_MAX = 1024;

/** Other names never reach a route: uWebSockets.js closes the connection. */
const FIELD_NAME = /^[A-Za-z0-9-]{1,64}$/;
/** ASCII without controls, no blank at the ends, where it would be taken off. */
const FIELD_VALUE = /^[!-~]([ -~]*[!-~])?$/;
const FIELD_PREFIX = /^[!-~][ -~]*$/;
/** Neither blank nor plus: servers do not agree on what a plus in a query means, and so it never decides. */
const QUERY_TEXT = /^[!-*,-~]+$/;

export const fieldConditions = z
  .record(
    z
      .string()
      .regex(FIELD_NAME)
      .describe("A field's name, in any case.")
      .register(expectations, { expected: "a field name such as X-Api-Version (letters, digits and hyphens)" }),
    condition(FIELD_VALUE, FIELD_PREFIX, "field", "visible ASCII characters, blanks within"),
  )
  .describe("Fields the request must have, or must not have; all of them.");

export const queryConditions = z
  .record(
    z
      .string()
      .max(128)
      .regex(QUERY_TEXT)
      .describe("A parameter's name, percent-decoded.")
      .register(expectations, { expected: 'a parameter name such as version (visible ASCII without "+")' }),
    condition(QUERY_TEXT, QUERY_TEXT, "parameter", 'visible ASCII characters, percent-decoded, no "+" and no blank'),
  )
  .describe("Query parameters the request must have, or must not have; all of them.");

function condition(value: RegExp, prefix: RegExp, what: string, characters: string) {
  return z
    .union([
      text(value, `The ${what}'s whole value: ${characters}.`),
      z
        .strictObject({
          prefix: text(prefix, `How the value begins: ${characters}.`).optional(),
          present: z
            .boolean()
            .describe(`Whether the ${what} must be there, whatever its value (true), or must not (false).`)
            .optional(),
        })
        .describe("Give one of the two."),
    ])
    .describe(`What the ${what} must be: ${FORMS}.`)
    .register(expectations, { expected: `${FORMS}, values of ${characters}`, hint });
}

function text(pattern: RegExp, description: string) {
  return z
    .string()
    .max(CHARS_MAX)
    .regex(pattern)
    .describe(description)
    .register(expectations, { expected: description.replace(/^.*: (.*)\.$/, "$1"), hint });
}

function hint(found: unknown): Hint | undefined {
  if (found === "") return { advice: "write { present: true } if the value does not matter" };
  if (typeof found === "number" || typeof found === "boolean") return { advice: `quote it: "${found}"` };
  return undefined;
}

export type ConditionEntry = z.infer<ReturnType<typeof condition>>;
