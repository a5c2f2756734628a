/** rewrite: another start of the path for the upstream, fixed at build. */
import { z } from "zod";
import { defineFeature, type RouteView } from "../../../build/feature.ts";

/** The core keeps 512 bytes for a longer request line. */
const PREFIX_CHARS_MAX = 256;
/** Path characters that have one spelling only: no triplets, so what is written is what is matched (RFC 3986 3.3). */
const PREFIX = /^\/[\w.~!$&'()*+,;=:@/-]*$/;

function prefix(description: string) {
  return z.string().max(PREFIX_CHARS_MAX).regex(PREFIX).describe(description);
}

const rewrite = z
  .strictObject({
    strip_prefix: prefix('Taken off the start of the path; "/plc" makes "/plc/a" to "/a".').optional(),
    replace_prefix: z
      .strictObject({
        from: prefix("The start of the path to be replaced."),
        to: prefix("What takes its place."),
      })
      .describe("Exchanges the start of the path.")
      .optional(),
  })
  .describe("Changes the path that the upstream sees; give either strip_prefix or replace_prefix.");

type Rewrite = z.infer<typeof rewrite>;

export default defineFeature({
  name: "rewrite",
  stage: "rewrite",
  summary: "another start of the path for the upstream",
  routeKeys: { rewrite },
  codes: {
    HW2201: "rewrite: none or several of its rules",
    HW2202: "rewrite: a prefix that the route's path does not start with",
    HW2203: "rewrite: a prefix with an empty or dot segment",
  },
  check(values, route, problem) {
    const { strip_prefix, replace_prefix } = values.rewrite as Rewrite;
    if ((strip_prefix === undefined) === (replace_prefix === undefined)) {
      problem("HW2201", ["rewrite"], "expected exactly one of strip_prefix and replace_prefix");
    }
    const checkPart = (path: readonly string[], text: string, isFrom: boolean) => {
      const reason = refusedSegment(text);
      if (reason !== undefined) problem("HW2203", path, `${JSON.stringify(text)} has ${reason}; remove it`);
      else if (isFrom && !startsWith(route, text)) problem("HW2202", path, mismatch(route, text));
    };
    if (strip_prefix !== undefined) checkPart(["rewrite", "strip_prefix"], strip_prefix, true);
    if (replace_prefix !== undefined) {
      checkPart(["rewrite", "replace_prefix", "from"], replace_prefix.from, true);
      checkPart(["rewrite", "replace_prefix", "to"], replace_prefix.to, false);
    }
  },
  use(values) {
    const { strip_prefix, replace_prefix } = values.rewrite as Rewrite;
    const cut = withoutLastSlash(strip_prefix ?? replace_prefix!.from).length;
    const put = withoutLastSlash(replace_prefix?.to ?? "/");
    return { phases: { request: { fn: "replacePrefix", data: { cut, put } } } };
  },
});

/** Whole segments count: "/a" is no prefix of "/ab". A template's variable cannot be named in a prefix. */
function startsWith(route: RouteView, text: string): boolean {
  return `${route.path.replace(/\/\*$/, "")}/`.startsWith(`${withoutLastSlash(text)}/`);
}

function mismatch(route: RouteView, text: string): string {
  const fixed = /^[^{*]*\//.exec(`${route.path}/`)![0];
  const longest = withoutLastSlash(fixed) === "" ? "/" : withoutLastSlash(fixed);
  return `the route's path ${route.path} does not start with ${text}; the longest prefix possible is ${longest}`;
}

/** What would make an upstream read the path differently from what was matched. */
function refusedSegment(text: string): string | undefined {
  const segments = withoutLastSlash(text).split("/").slice(1);
  if (segments.includes("")) return "an empty segment";
  // "..;a" counts too, since some servers drop ";a".
  return segments.some((segment) => /^\.\.?(;|$)/.test(segment)) ? "a dot segment" : undefined;
}

function withoutLastSlash(text: string): string {
  return text.endsWith("/") ? text.slice(0, -1) : text;
}
