/** request-id: every request has an id, the same towards the upstream and on the answer (`observability.request_id`). */
import { z } from "zod";
import { defineFeature, field, type RouteUse, template } from "../../../build/feature.ts";

/** No field of HTTP's own ends like this, so that none can be overwritten. */
const NAME = /^[A-Za-z][A-Za-z0-9-]*id$/i;

const requestId = z
  .strictObject({
    header: z
      .string()
      .max(64)
      .describe('The field that carries the id, on the request and on every answer; left out, "X-Request-Id".')
      .optional(),
    trust: z
      .array(z.string().describe("A listener of the target."))
      .min(1)
      .describe("Listeners whose clients may give the id themselves; left out, none.")
      .optional(),
  })
  .describe("An id for every request, new or from a trusted client; {request.id} is the same one.");

export default defineFeature({
  name: "request-id",
  stage: "observe",
  summary: "an id for every request, on both sides",
  routeKeys: {},
  programKeys: { request_id: requestId },
  codes: { HW2601: "request_id: a field that cannot carry the id" },
  use: () => undefined,
  checkProgram(values, _program, problem) {
    const { header } = values.request_id as z.infer<typeof requestId>;
    if (header === undefined || NAME.test(header)) return;
    const found = JSON.stringify(header);
    const message = `expected a field name of letters, digits and hyphens that ends with "id", such as X-Request-Id, found ${found}`;
    problem("HW2601", ["request_id", "header"], message);
  },
  useProgram(values) {
    const { header = "X-Request-Id", trust = [] } = values.request_id as z.infer<typeof requestId>;
    const line = `${header}: {request.id}`;
    const lower = header.toLowerCase();
    const onAnswer = { fn: "appendToAnswer", data: template(`\r\n${line}`) };
    const requests: RouteUse = {
      phases: {
        ...(trust.length > 0 && { arrive: { fn: "takeId", data: { field: field(lower), trust } } }),
        upstreamRequest: { fn: "appendToRequest", data: template(`${line}\r\n`) },
        responseHead: onAnswer,
        refusalHead: onAnswer,
      },
      dropRequestFields: [lower],
      dropResponseFields: [lower],
      requestHeadBytes: template(`${line}\r\n`),
      responseHeadBytes: template(`\r\n${line}`),
    };
    return { requests, listeners: { path: ["request_id", "trust"], names: trust } };
  },
});
