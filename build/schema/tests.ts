/** The schema of `tests`: requests, and what must become of each. Run at build, and by the binary itself. */
import { type ZodType, z } from "zod";
import { METHOD_BITS } from "../plan.ts";
import { expectations } from "./expect.ts";

function fields<Value extends ZodType>(description: string, value: Value) {
  const name = z
    .string()
    .max(64)
    .regex(/^[A-Za-z0-9-]+$/)
    .describe("A field's name.")
    .register(expectations, { expected: "a field name such as X-Request-Id (letters, digits and hyphens)" });
  return z.record(name, value).describe(description);
}

const sent = z
  .string()
  .max(4096)
  .regex(/^(?:[!-~](?:[ -~]*[!-~])?)?$/)
  .describe("A field's value.")
  .register(expectations, { expected: "a field's value, of visible ASCII characters" });

const seen = z
  .union([z.string().max(4096), z.null()])
  .describe("A field's value; null says that the field must not be there.")
  .register(expectations, { expected: "a field's value, or null for a field that must not be there" });

const outcome = z
  .strictObject({
    route: z.string().describe("Name of the route that takes the request.").optional(),
    upstream: z.string().describe("Name of the upstream that the request goes to.").optional(),
    path: z
      .string()
      .regex(/^\/[!-~]*$/)
      .describe("Path, with the query if there is one, as the upstream sees it.")
      .register(expectations, { expected: 'a path such as "/v1/devices/7?full=1"' })
      .optional(),
    request_headers: fields("Fields as the upstream sees them.", seen).optional(),
    response_headers: fields("Fields that the gateway itself puts into the answer.", seen).optional(),
    status: z.int().min(200).max(599).describe("Status of the gateway's own answer, such as 404.").optional(),
    allow: z
      .array(z.enum(Object.keys(METHOD_BITS)).describe("A method in capitals."))
      .min(1)
      .describe("Methods that the Allow field of a 405 names, in any order.")
      .optional(),
  })
  .describe("What must become of the request; what is left out may be anything.");

export const testSchema = z
  .strictObject({
    request: z
      .string()
      .max(4096)
      .describe('Method, host and path: "GET gw.local/v1/devices/7?full=1"; a host left out is localhost.'),
    listener: z.string().describe("The listener it comes by; left out, the target's first.").optional(),
    headers: fields("Fields of the request, besides Host.", sent).optional(),
    expect: outcome,
  })
  .describe("One request, and what must become of it.");

export type TestEntry = z.infer<typeof testSchema>;
