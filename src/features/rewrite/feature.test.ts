/** rewrite at build, and what its runtime then makes of paths. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask } from "../../../test/feature-checks.ts";
import type { Exchange } from "../../core/exchange.ts";
import rewrite from "./feature.ts";
import { replacePrefix } from "./runtime.ts";

const strip = (prefix: string) => ({ rewrite: { strip_prefix: prefix } });
const replace = (from: string, to: string) => ({ rewrite: { replace_prefix: { from, to } } });

for (const [values, route, path, wanted] of [
  [strip("/plc"), "/plc/*", "/plc/tags/7", "/tags/7"],
  [strip("/plc"), "/plc/*", "/plc/", "/"],
  [strip("/plc/"), "/plc/*", "/plc/a", "/a"],
  [strip("/plc"), "/plc", "/plc", "/"],
  [strip("/"), "/*", "/a", "/a"],
  [strip("/a/b"), "/a/b/{id}", "/a/b/7", "/7"],
  [replace("/v0", "/v1"), "/v0/*", "/v0/a", "/v1/a"],
  [replace("/v0", "/v1/"), "/v0/*", "/v0/", "/v1/"],
  [replace("/v0", "/v1"), "/v0", "/v0", "/v1"],
  [replace("/", "/base"), "/*", "/a", "/base/a"],
  [replace("/", "/base"), "/*", "/", "/base/"],
  [replace("/a/b", "/"), "/a/b/*", "/a/b/c", "/c"],
] as const) {
  test(`${JSON.stringify(values.rewrite)}: ${path} becomes ${wanted}`, () => {
    const { problems, use } = ask(rewrite, values, route);
    assert.deepEqual(problems, []);
    const x = { path } as Exchange;
    const { fn, data } = use!.phases.request!;
    assert.equal(fn, replacePrefix.name);
    assert.equal(replacePrefix(x, data as { cut: number; put: string }), 0);
    assert.equal(x.path, wanted);
  });
}

for (const [name, values, route, wanted] of [
  ["no rule", { rewrite: {} }, "/a/*", /^HW2201 rewrite: expected exactly one/],
  ["two rules", { rewrite: { strip_prefix: "/a", ...replace("/a", "/b").rewrite } }, "/a/*", /^HW2201/],
  [
    "another path",
    strip("/plc"),
    "/pump/*",
    /^HW2202 rewrite\.strip_prefix: .*\/pump\/\* does not start with \/plc.* is \/pump$/,
  ],
  ["half a segment", strip("/pl"), "/plc/*", /^HW2202/],
  ["a variable's place", strip("/d/7"), "/d/{id}/x", /^HW2202 .* possible is \/d$/],
  ["more than the path", replace("/a/b", "/c"), "/a/*", /^HW2202 rewrite\.replace_prefix\.from/],
  [
    "an empty segment",
    replace("/a", "/b//c"),
    "/a/*",
    /^HW2203 rewrite\.replace_prefix\.to: "\/b\/\/c" has an empty segment/,
  ],
  ["two slashes", replace("/a", "//"), "/a/*", /^HW2203/],
  ["a dot segment", replace("/a", "/b/../c"), "/a/*", /^HW2203 .* a dot segment/],
  ["a dot segment with a parameter", replace("/a", "/..;x"), "/a/*", /^HW2203 .* a dot segment/],
  ["a triplet", replace("/a", "/%2e%2e"), "/a/*", /^schema rewrite\.replace_prefix\.to/],
  ["no slash at the start", strip("a"), "/a/*", /^schema rewrite\.strip_prefix/],
  ["a query", replace("/a", "/b?c"), "/a/*", /^schema/],
] as const) {
  test(`refused: ${name}`, () => {
    const { problems } = ask(rewrite, values, route);
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0]!, wanted);
  });
}
