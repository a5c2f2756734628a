/** respond: a fixed answer, encoded at build; no upstream is involved. */
import { z } from "zod";
import { defineFeature, type ReplyValue } from "../../../build/feature.ts";

const BODY_BYTES_MAX = 64 * 1024;
/** Visible characters and blanks of ASCII, no blank at either end: what a field's value may safely be. */
const FIELD_VALUE = /^[!-~]([ -~]*[!-~])?$/;
/** RFC 9110 15.3.5, 15.3.6, 15.4.5: answers that end with their head. */
const BODILESS = [204, 205, 304];

const respond = z
  .strictObject({
    status: z.int().min(200).max(599).describe("The answer's status, 200 to 599."),
    body: z.string().describe("The answer's body, at most 64 KiB as UTF-8; left out, none.").optional(),
    content_type: z
      .string()
      .max(255)
      .regex(FIELD_VALUE)
      .describe('The body\'s media type; left out, "text/plain; charset=utf-8".')
      .optional(),
  })
  .describe("Answers with a fixed status and body instead of an upstream; fields are set with response_headers.");

type Respond = z.infer<typeof respond>;

export default defineFeature({
  name: "respond",
  stage: "rewrite",
  summary: "a fixed answer, without an upstream",
  routeKeys: { respond },
  codes: {
    HW2001: "respond: a body with a status that has none",
    HW2002: "respond: a body that is too large",
    HW2003: "respond: a content type without a body",
  },
  check(values, _route, problem) {
    const { status, body, content_type } = values.respond as Respond;
    if (BODILESS.includes(status) && body !== undefined) {
      problem("HW2001", ["respond", "body"], `an answer with status ${status} has no body; leave "body" out`);
    }
    if (body === undefined && content_type !== undefined) {
      problem("HW2003", ["respond", "content_type"], 'there is no body to describe; add "body" or leave this out');
    }
    const bytes = Buffer.byteLength(body ?? "");
    if (bytes > BODY_BYTES_MAX) {
      problem("HW2002", ["respond", "body"], `the body has ${bytes} bytes, at most ${BODY_BYTES_MAX} are possible`);
    }
  },
  use(values) {
    const { status, body, content_type } = values.respond as Respond;
    const type = content_type ?? "text/plain; charset=utf-8";
    const reply: ReplyValue = {
      kind: "reply",
      status,
      fields: body === undefined ? [] : [["content-type", type]],
      body: body ?? "",
    };
    return { answers: true, phases: { request: { fn: "respond", data: reply } } };
  },
  memory(uses) {
    const replies = uses.map(({ phases }) => phases.request!.data as ReplyValue);
    const bytes = replies.reduce((sum, { fields, body }) => sum + Buffer.byteLength(fields.flat().join("") + body), 0);
    // As text in the program, and encoded once it is first sent.
    const formula = `${replies.length} with ${bytes} B, twice`;
    return [{ name: "fixed answers", bytes: 2 * bytes, formula, isInHeap: true }];
  },
});
