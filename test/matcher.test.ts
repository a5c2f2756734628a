/**
 * The generated matcher against the naive one, in both of its forms, on named cases; matcher-random.test.ts has the
 * random ones.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Condition, METHOD_BITS, METHOD_OTHER } from "../build/plan.ts";
import { FORMS, generated, loadMatcher } from "./generated-matcher.ts";
import { matchNaively } from "./naive-matcher.ts";
import { planOf, type RouteSketch } from "./plans.ts";

function field(name: string, test: Condition["test"], value = ""): Condition {
  return { on: "field", name, test, value };
}
function parameter(name: string, test: Condition["test"], value = ""): Condition {
  return { on: "parameter", name, test, value };
}

const CASES: { name: string; routes: RouteSketch[]; requests: Record<string, number | [number, string]> }[] = [
  {
    name: "an exact path beats a template beats a prefix, whatever the order",
    routes: [{ path: "/*" }, { path: "/v1/*" }, { path: "/v1/{id}" }, { path: "/v1/all" }],
    requests: { "GET /v1/all": 3, "GET /v1/7": 2, "GET /v1/7/a": 1, "GET /v1/": 1, "GET /v1": 0, "GET /": 0 },
  },
  {
    name: "a prefix matches its slash and what is below, not the name without the slash",
    routes: [{ path: "/plc/*" }],
    requests: { "GET /plc/": 0, "GET /plc/a/b": 0, "GET /plc": -1, "GET /plcx/a": -1 },
  },
  {
    name: "the longest prefix",
    routes: [{ path: "/a/*" }, { path: "/a/b/*" }, { path: "/a/b/c/*" }],
    requests: { "GET /a/b/c/d": 2, "GET /a/b/c": 1, "GET /a/x": 0 },
  },
  {
    name: "a variable is one segment, and not an empty one",
    routes: [{ path: "/d/{id}" }, { path: "/d/{id}/state" }, { path: "/e/{id}/" }],
    requests: { "GET /d/7": 0, "GET /d/": -1, "GET /d/7/state": 1, "GET /d/7/": -1, "GET /e/7/": 2, "GET /e/7": -1 },
  },
  {
    name: "a template within another comes first, and the other is tried after it",
    routes: [{ path: "/a/{x}/{y}" }, { path: "/a/b/{y}", methods: ["PUT"] }, { path: "/a/{x}/c" }],
    requests: { "PUT /a/b/z": 1, "GET /a/b/z": 0, "GET /a/z/c": 2, "GET /a/b/c": 2 },
  },
  {
    name: "a route that does not take the method is passed over",
    routes: [
      { path: "/x", methods: ["POST"] },
      { path: "/*", methods: ["GET", "HEAD"] },
    ],
    requests: {
      "POST /x": 0,
      "GET /x": 1,
      "PUT /x": [-2, "POST GET HEAD"],
      "PUT /y": [-2, "GET HEAD"],
      "BREW /y": [-2, "GET HEAD"],
    },
  },
  {
    name: "the path decides before the host, the host before the method",
    routes: [
      { path: "/*", hosts: ["a.test"] },
      { path: "/x" },
      { path: "/y" },
      { path: "/y", hosts: ["a.test", "b.test"] },
    ],
    requests: { "GET a.test/x": 1, "GET a.test/z": 0, "GET b.test/y": 3, "GET c.test/y": 2, "GET b.test/z": -1 },
  },
  {
    name: "a host that no route has",
    routes: [
      { path: "/x", hosts: ["a.test"], methods: ["GET"] },
      { path: "/x", hosts: ["b.test"] },
    ],
    requests: {
      "GET a.test/x": 0,
      "PUT a.test/x": [-2, "GET"],
      "PUT b.test/x": 1,
      "GET c.test/x": -3,
      "GET a.test/y": -1,
    },
  },
  {
    name: "a wildcard is one label or more, and the longest goes first, after the name itself",
    routes: [
      { path: "/*", hosts: ["*.a.test"] },
      { path: "/*", hosts: ["*.b.a.test"] },
      { path: "/*", hosts: ["x.b.a.test"] },
      { path: "/x" },
    ],
    requests: {
      "GET y.a.test/": 0,
      "GET z.y.a.test/": 0,
      "GET a.test/": -1,
      "GET .a.test/": -1,
      "GET y.b.a.test/": 1,
      "GET b.a.test/": 0,
      "GET x.b.a.test/": 2,
      "GET y.x.b.a.test/": 1,
      "GET xa.test/": -1,
      "GET y.a.test/x": 3,
    },
  },
  {
    name: "a host below a wildcard is known, any other is not",
    routes: [{ path: "/x", hosts: ["*.a.test", "b.test"] }],
    requests: { "GET y.a.test/y": -1, "GET b.test/x": 0, "GET a.test/x": -3, "GET c.b.test/x": -3 },
  },
  {
    name: "a route may be reached by its name and by its wildcard, with another one between",
    routes: [
      { path: "/x", hosts: ["a.b.test", "*.test"] },
      { path: "/x", hosts: ["*.b.test"] },
    ],
    requests: { "GET a.b.test/x": 0, "GET c.b.test/x": 1, "GET c.test/x": 0 },
  },
  {
    name: "a route on one listener is not there on the other, and neither is its host",
    routes: [
      { path: "/x", hosts: ["a.test"], listeners: [0] },
      { path: "/x", hosts: ["b.test"] },
      { path: "/y", hosts: ["b.test"], listeners: [1], methods: ["PUT"] },
      { path: "/y", hosts: ["b.test"] },
    ],
    requests: {
      "GET a.test/x": 0,
      "1 GET a.test/x": -3,
      "1 GET b.test/x": 1,
      "PUT b.test/y": 3,
      "1 PUT b.test/y": 2,
      "1 GET b.test/y": 3,
    },
  },
  {
    name: "conditions on fields: value, prefix, there, not there; more of them go first",
    routes: [
      { path: "/x", conditions: [field("a", "present")] },
      { path: "/x", conditions: [field("a", "prefix", "1")] },
      { path: "/x", conditions: [field("a", "exact", "1")] },
      { path: "/x", conditions: [field("a", "absent"), field("b", "exact", "2")] },
      { path: "/x", conditions: [field("a", "absent")], methods: ["PUT"] },
      { path: "/*", methods: ["DELETE"] },
    ],
    requests: {
      "GET /x a:1": 2,
      "GET /x a:12": 1,
      "GET /x a:2": 0,
      "GET /x b:2": 3,
      "PUT /x b:2": 4,
      "GET /x": [-2, "PUT DELETE"],
      "GET /x b:3": [-2, "PUT DELETE"],
      "DELETE /x": 5,
    },
  },
  {
    name: "conditions on the query: decoded once, names too; a plus is a plus",
    routes: [
      { path: "/x", conditions: [parameter("v", "exact", "1/2")] },
      { path: "/x", conditions: [parameter("v", "prefix", "1")] },
      { path: "/x", conditions: [parameter("v", "present")] },
      { path: "/x", conditions: [parameter("v", "absent"), parameter("w", "absent")] },
    ],
    requests: {
      "GET /x?v=1/2": 0,
      "GET /x?%76=1%2F2": 0,
      "GET /x?a=b&&v=1%2f2&": 0,
      "GET /x?v=1%252F2": 1,
      "GET /x?v=1%": 1,
      "GET /x?v=+1": 2,
      "GET /x?v": 2,
      "GET /x?v=": 2,
      "GET /x?V=1": 3,
      "GET /x?=v": 3,
      "GET /x": 3,
      "GET /x?w": -1,
    },
  },
  {
    name: "more conditions go before fewer, fields and parameters counted together",
    routes: [
      { path: "/x" },
      { path: "/x", conditions: [field("a", "exact", "1")] },
      { path: "/x", conditions: [field("a", "present"), parameter("v", "present")] },
    ],
    requests: { "GET /x": 0, "GET /x a:1": 1, "GET /x?v a:1": 2, "GET /x?v a:2": 2, "GET /x a:2": 0 },
  },
  {
    name: "a path_regex comes last, the narrower before the wider",
    routes: [
      { path: "/v[0-9]+/.*", isRegex: true },
      { path: "/v1/(a|b)", isRegex: true, methods: ["GET"] },
      { path: "/v1/a" },
      { path: "/v2/*" },
    ],
    requests: {
      "GET /v1/a": 2,
      "GET /v1/b": 1,
      "PUT /v1/b": 0,
      "GET /v2/b": 3,
      "GET /v12/": 0,
      "GET /v12": -1,
      "GET /x/v1/b": -1,
      "GET /v1/bb": 0,
    },
  },
];

for (const form of Object.keys(FORMS)) {
  describe(`named cases, ${form}`, () => {
    for (const { name, routes, requests } of CASES) {
      test(name, async () => {
        const listeners = ["public", "lan"].map((name, i) => ({ name, host: "127.0.0.1", port: 8080 + i }));
        const plan = planOf(routes, { listeners });
        const match = await generated(plan, form);
        for (const [text, wanted] of Object.entries(requests)) {
          const [route, methods] = typeof wanted === "number" ? [wanted, ""] : wanted;
          const allowed = methods.split(" ").reduce((bits, name) => bits | (METHOD_BITS[name] ?? 0), 0);
          const request = parse(text);
          assert.deepEqual(match(request), { route, allowed }, `${text}, generated`);
          assert.deepEqual(matchNaively(plan, request), { route, allowed }, `${text}, naive`);
        }
      });
    }
  });
}

/** "1 GET a.test/path?query name:value": listener 0 if left out. */
function parse(text: string) {
  const parts = /^(?:(\d) )?(\S+) ([^/]*)(\/[^?\s]*)(?:\?(\S*))?(?: (\S+):(\S+))?$/.exec(text)!;
  const [, listener = "0", verb, host, path, query = "", name = "", value = ""] = parts;
  const method = METHOD_BITS[verb!] ?? METHOD_OTHER;
  return { listener: Number(listener), host: host!, method, path: path!, query, fields: { [name]: value } };
}

for (const form of ["code", "tables"]) {
  test(`what comes twice is told where a condition was about it, and only there, ${form}`, async () => {
    const plan = planOf([
      { path: "/x", conditions: [field("a", "exact", "1"), parameter("v", "present")] },
      { path: "/y", conditions: [field("b", "absent")] },
      { path: "/*" },
    ]);
    const matcher = await loadMatcher(plan, form);
    const told = (path: string, query: string, fields: readonly string[]) => {
      matcher.match(0, "", 1, path, query, { getHeader: () => "1" });
      matcher.startFields();
      return { fields: fields.filter((name) => matcher.repeatsField(name)), query: matcher.repeatsParameter };
    };
    assert.deepEqual(told("/x", "v=1&v=2", ["a", "b", "a", "b"]), { fields: ["a"], query: true });
    assert.deepEqual(told("/x", "v=1&%76", ["a"]), { fields: [], query: true });
    assert.deepEqual(told("/x", "v=1&w=2&w=3", ["b", "b", "a"]), { fields: [], query: false });
    assert.deepEqual(told("/y", "v=1&v=2", ["a", "a", "b", "b", "b"]), { fields: ["b", "b"], query: false });
    assert.deepEqual(told("/z", "v=1&v=2", ["a", "a", "b", "b"]), { fields: [], query: false });
    assert.deepEqual([matcher.asksField("a"), matcher.asksField("b")], [false, false]);
    matcher.match(0, "", 1, "/x", "", { getHeader: () => "" });
    assert.deepEqual([matcher.asksField("a"), matcher.asksField("b")], [true, false]);
  });
}

test("path_regex: 2 KiB take less than 100 microseconds, whatever the pattern", async () => {
  const hard = ["/(a+)+b", "/(a|a)*b", "/(a|aa)+b", "/(.*a){6}", "/([a-z]+)*[0-9]", "/.*.*.*=", "/(a?){20}a{20}.*b"];
  const nanoseconds: string[] = [];
  for (const path of hard) {
    const { match } = await loadMatcher(planOf([{ path, isRegex: true }]), "chosen");
    let best = Number.POSITIVE_INFINITY;
    for (let repeat = 0; repeat < 300; repeat++) {
      const asked = `/${"a".repeat(2046 - (repeat % 2))}!`;
      const start = process.hrtime.bigint();
      assert.equal(match(0, "", 1, asked, "", { getHeader: () => "" }), -1);
      best = Math.min(best, Number(process.hrtime.bigint() - start));
    }
    nanoseconds.push(`${path} ${best}`);
    assert.ok(best < 100_000, `${path}: ${best} ns`);
  }
  console.log(`ns: ${nanoseconds.join(", ")}`);
});
