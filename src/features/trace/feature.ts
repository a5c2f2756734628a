/** trace: W3C Trace Context towards the upstream; this gateway is one span of the trace (`observability.trace`). */
import { z } from "zod";
import { defineFeature, field, type RouteUse } from "../../../build/feature.ts";

/** `traceparent: 00-…-…-01` and CRLF; a tracestate is never longer than what the client sent. */
const TRACEPARENT_LINE_BYTES = 13 + 55 + 2;

const trace = z
  .strictObject({
    propagate: z.enum(["w3c"]).describe("The form: traceparent and tracestate of W3C Trace Context."),
    trust: z
      .array(z.string().describe("A listener of the target."))
      .min(1)
      .describe("Listeners whose clients may say that a trace is sampled, and send a tracestate; left out, none.")
      .optional(),
  })
  .describe("Trace ids: a valid traceparent is continued, any other request begins a trace.");

export default defineFeature({
  name: "trace",
  stage: "observe",
  summary: "trace ids of W3C Trace Context, continued or begun",
  routeKeys: {},
  programKeys: { trace },
  use: () => undefined,
  useProgram(values) {
    const { trust = [] } = values.trace as z.infer<typeof trace>;
    const data = { parent: field("traceparent"), state: trust.length > 0 ? field("tracestate") : -1, trust };
    const requests: RouteUse = {
      phases: {
        arrive: { fn: "readContext", data },
        upstreamRequest: { fn: "appendContext", data: null },
      },
      dropRequestFields: ["traceparent", "tracestate"],
      requestHeadBytes: TRACEPARENT_LINE_BYTES,
    };
    return { requests, listeners: { path: ["trace", "trust"], names: trust } };
  },
});
