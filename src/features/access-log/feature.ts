/** access_log: a line for each request that was answered, or for a part of them. */
import { z } from "zod";
import { defineFeature, type ProgramUse, type ProgramView } from "../../../build/feature.ts";
import { expectations } from "../../../build/schema/expect.ts";
import { duration, parseDurationMs, parseSizeBytes, showSizeBytes } from "../../../build/schema/units.ts";
import * as limits from "./runtime-limits.ts";
import { isSecretField, secretInPath, secretInQuery } from "./secrets.ts";

const SHARE = /^(?:100|[1-9]?\d(?:\.\d{1,3})?)%$/;
const RATE = /^([1-9]\d{0,8}(?:KiB|MiB|GiB))\/h$/;
const FIELD = /^[A-Za-z0-9-]+$/;
const PARAMETER = /^[\w.-]+$/;
const LIST_MAX = 16;
const NAME_CHARS_MAX = 64;

function share(description: string) {
  return z
    .string()
    .regex(SHARE)
    .meta({ description, examples: ["10%", "0.5%"] })
    .register(expectations, {
      expected: "a percentage such as 10% or 0.5%",
      hint: (found) =>
        typeof found === "number" && found >= 0
          ? { code: "HW1105", advice: `write ${found <= 1 ? found * 100 : found}%` }
          : undefined,
    });
}

const accessLog = z
  .strictObject({
    format: z
      .enum(["text", "json"])
      .describe("A line for people, or an object with OpenTelemetry's names; left out, text.")
      .optional(),
    sample: z
      .strictObject({
        success: share("Of requests that are neither of the other two. Left out, 10%.").optional(),
        error: share(
          "Of those that were refused, failed or cut: 5xx, or a reason of the gateway's. Left out, 100%.",
        ).optional(),
        slow: share("Of those that took longer than slow_after. Left out, 100%.").optional(),
      })
      .partial()
      .describe("How many of the requests get a line.")
      .optional(),
    slow_after: duration("A request that takes as long is slow. Left out, 1s.").optional(),
    request_headers: z
      .array(z.string().regex(FIELD).max(NAME_CHARS_MAX).describe("A field's name."))
      .min(1)
      .max(LIST_MAX)
      .describe("Request fields to show, as they go to the upstream. Left out, none.")
      .optional(),
    redact: z
      .array(z.string().regex(PARAMETER).max(NAME_CHARS_MAX).describe("A parameter's name, or a part of it."))
      .min(1)
      .max(LIST_MAX)
      .describe("Parameters whose values are not shown, beside those that look like secrets by their names.")
      .optional(),
    budget: z
      .string()
      .regex(RATE)
      .meta({
        description: "Most that is written in any hour; more is left out. Left out, 10MiB/h.",
        examples: ["1MiB/h"],
      })
      .register(expectations, { expected: "a size for each hour such as 10MiB/h" })
      .optional(),
  })
  .describe("A line on standard error for each request, or for a part of them.");
type AccessLog = z.infer<typeof accessLog>;

/** A budget for fewer lines is a mistake: that much comes at once where nothing came for ten minutes. */
const LINES_MIN = 12;

export default defineFeature({
  name: "access-log",
  stage: "observe",
  summary: "a line for each request, or for a part of them",
  routeKeys: {},
  programKeys: { access_log: accessLog },
  codes: {
    HW2301: "access_log: a request field whose value is a secret",
    HW2302: "access_log: a log without lines",
    HW2303: "access_log: a budget too small for what a line can be",
    HW2304: "access_log: a request field that is named twice",
  },
  use: () => undefined,
  checkProgram(values, program, problem) {
    const log = values.access_log as AccessLog;
    const seen = new Set<string>();
    for (const [i, name] of (log.request_headers ?? []).entries()) {
      const path = ["access_log", "request_headers", i];
      if (isSecretField(name)) problem("HW2301", path, `${name} is a secret by its name, and is never shown`);
      if (seen.has(name.toLowerCase()))
        problem("HW2304", path, `${name} is there already; upper and lower case are one`);
      seen.add(name.toLowerCase());
    }
    const { shares, budgetBytes, lineBytesMax } = settingsOf(log, program);
    if (shares.every((part) => part === 0)) {
      problem("HW2302", ["access_log", "sample"], "0% of everything gets no line; leave access_log out instead");
    }
    if (budgetBytes < LINES_MIN * lineBytesMax) {
      const least = Math.ceil((LINES_MIN * lineBytesMax) / 1024);
      const message = `a line can have ${lineBytesMax} bytes, so that the least budget is ${least}KiB/h`;
      problem("HW2303", ["access_log", "budget"], message);
    }
  },
  useProgram(values, program): ProgramUse {
    const log = values.access_log as AccessLog;
    const settings = settingsOf(log, program);
    const format = log.format === "json" ? "Json" : "Text";
    return {
      requests: { phases: { done: { fn: `log${format}`, data: null } } },
      start: { fn: `start${format}`, data: settings },
      tables: [
        {
          name: "lines",
          bytes: limits.BUFFER_BYTES,
          formula: `${showSizeBytes(limits.BUFFER_BYTES)} that wait for whoever reads them`,
          isInHeap: false,
        },
        ...(program.isService
          ? [
              {
                name: "lines in the journal's socket",
                bytes: Math.min(limits.JOURNAL_BYTES, settings.budgetBytes),
                formula: `${showSizeBytes(limits.JOURNAL_BYTES)} of the kernel's, if the journal stops reading; or all that the budget has`,
                isInHeap: false,
              },
            ]
          : []),
        {
          name: "names",
          bytes: labelBytes(program).reduce((sum, bytes) => sum + bytes, 0),
          formula: `what a line says of each of ${program.routes.length} routes and its endpoints`,
          isInHeap: false,
        },
      ],
    };
  },
});

/** `Settings` of runtime.ts. */
function settingsOf(log: AccessLog, program: ProgramView) {
  const { success = "10%", error = "100%", slow = "100%" } = log.sample ?? {};
  const { budget = "10MiB/h", redact = [], request_headers: fields = [] } = log;
  const texts =
    limits.METHOD_BYTES +
    limits.HOST_BYTES +
    limits.PATH_BYTES +
    limits.QUERY_BYTES +
    limits.REASON_BYTES +
    2 * limits.ID_BYTES;
  const shown = fields.reduce((sum, name) => sum + name.length + limits.FIELD_BYTES + LABEL_BYTES, 0);
  return {
    shares: [success, slow, error].map((text) => Math.round((Number(text.slice(0, -1)) / 100) * 2 ** 32)),
    slowMs: parseDurationMs(log.slow_after ?? "1s"),
    budget,
    budgetBytes: parseSizeBytes(RATE.exec(budget)![1]!),
    lineBytesMax: limits.FIXED_BYTES + texts + 6 * limits.MARK_BYTES + shown + Math.max(...labelBytes(program)),
    secretInPath: secretInPath(redact),
    secretInQuery: secretInQuery(redact),
    fields: fields.map((name) => name.toLowerCase()),
    paths: log.format === "json" ? program.routes.map(({ path }) => path) : [],
  };
}

/** Keys and punctuation around a name in a line. */
const LABEL_BYTES = 96;

/** What a line says of each route, at most. */
function labelBytes({ routes, upstreams }: ProgramView): number[] {
  const longest = new Map(
    upstreams.map(({ name, endpoints }) => [name, Math.max(0, ...endpoints.map((url) => Buffer.byteLength(url)))]),
  );
  return routes.map(({ name, path, upstream = "" }) => {
    const names = name.length + upstream.length + Buffer.byteLength(JSON.stringify(path));
    return names + (longest.get(upstream) ?? 0) + LABEL_BYTES;
  });
}
