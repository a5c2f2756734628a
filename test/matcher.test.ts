/**
 * The generated matcher against the naive one, in both of its forms, on named cases and on random ones. Each run says
 * which matcher it asked and that the form under test is really in it.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { type CodeMax, emitMatcher } from "../build/emit/matcher.ts";
import { Text } from "../build/emit/text.ts";
import { METHOD_BITS, METHOD_OTHER, type Plan } from "../build/plan.ts";
import { matchNaively, type NaiveRequest } from "./naive-matcher.ts";
import { planOf, type RouteSketch } from "./plans.ts";

type Answer = { route: number; allowed: number };
type Matcher = (request: NaiveRequest) => Answer;

let dir: string;
let loaded = 0;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "hardwire-matcher-"));
});
after(() => rm(dir, { recursive: true }));

/** Code only, tables only, and whatever the emitter itself would take. */
const FORMS: Readonly<Record<string, CodeMax | undefined>> = {
  code: { exact: Number.POSITIVE_INFINITY, tree: Number.POSITIVE_INFINITY },
  tables: { exact: 0, tree: 0 },
  chosen: undefined,
};

async function generated(plan: Plan, form: string): Promise<Matcher> {
  const out = new Text();
  emitMatcher(out, plan, FORMS[form]);
  const text = out.toString();
  if (form !== "chosen")
    assert.equal(/\bnew (Map|Int32Array)\b/.test(text), form === "tables", `not ${form}:\n${text}`);
  const file = join(dir, `matcher-${loaded++}.ts`);
  await writeFile(file, text);
  const module = (await import(pathToFileURL(file).href)) as typeof import("../src/generated/matcher.ts");
  return ({ listener, host, method, path, query, fields }) => {
    const req = { getHeader: (name: string) => fields[name] ?? "" };
    const route = module.match(listener, host, method, path, query, req);
    return { route, allowed: route === -2 ? module.allowedMethods : 0 };
  };
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
];

for (const form of Object.keys(FORMS)) {
  describe(`named cases, ${form}`, () => {
    for (const { name, routes, requests } of CASES) {
      test(name, async () => {
        const plan = planOf(routes);
        const match = await generated(plan, form);
        for (const [request, wanted] of Object.entries(requests)) {
          const [, verb, host, path] = /^(\S+) ([^/]*)(\/.*)$/.exec(request)!;
          const method = METHOD_BITS[verb!] ?? METHOD_OTHER;
          const [route, methods] = typeof wanted === "number" ? [wanted, ""] : wanted;
          const allowed = methods.split(" ").reduce((bits, name) => bits | (METHOD_BITS[name] ?? 0), 0);
          const asked = { listener: 0, host: host!, method, path: path!, query: "", fields: {} };
          assert.deepEqual(match(asked), { route, allowed }, `${request}, generated`);
          assert.deepEqual(matchNaively(plan, asked), { route, allowed }, `${request}, naive`);
        }
      });
    }
  });
}

const segment = fc.constantFrom("a", "b", "ab", "v1", "é", "");
const patternSegment = fc.oneof({ weight: 3, arbitrary: segment }, { weight: 2, arbitrary: fc.constant("{v}") });
const sketch = fc.record<RouteSketch>({
  path: fc
    .tuple(fc.array(patternSegment, { minLength: 1, maxLength: 4 }), fc.boolean())
    .map(
      ([segments, prefix]) =>
        `/${segments.filter((s, i) => s !== "" || i === segments.length - 1).join("/")}${prefix ? "/*" : ""}`,
    )
    .map((path) => path.replace("//", "/")),
  methods: fc.option(fc.subarray(["GET", "HEAD", "POST"], { minLength: 1 }), { nil: undefined }),
  hosts: fc.option(fc.subarray(["a.test", "b.test", "c.test"], { minLength: 1 }), { nil: undefined }),
});
const request = fc.record({
  host: fc.constantFrom("a.test", "b.test", "c.test", "d.test"),
  method: fc.constantFrom(1, 2, 4, METHOD_OTHER),
  path: fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => `/${segments.join("/")}`),
});

test("1,000 random sets of routes agree with the naive matcher", async () => {
  const seed = Number(process.env.SEED ?? Date.now() & 0x7fffffff);
  const hits = new Map<string, number>();
  const forms = ["code", "tables"];
  await fc.assert(
    fc.asyncProperty(
      fc.array(sketch, { minLength: 1, maxLength: 12 }),
      fc.array(request, { minLength: 20, maxLength: 40 }),
      async (routes, requests) => {
        const plan = planOf(routes);
        const form = forms[loaded % forms.length]!;
        const match = await generated(plan, form);
        for (const { host, method, path } of requests) {
          const asked = { listener: 0, host, method, path, query: "", fields: {} };
          const wanted = matchNaively(plan, asked);
          const kind = `${form} ${wanted.route >= 0 ? plan.routes[wanted.route]!.path.kind : wanted.route}`;
          hits.set(kind, (hits.get(kind) ?? 0) + 1);
          assert.deepEqual(match(asked), wanted, `${host} ${method} ${path}, ${form}`);
        }
      },
    ),
    { seed, numRuns: 1000 },
  );
  console.log(
    `seed ${seed}; answers compared: ${[...hits]
      .map(([kind, count]) => `${kind} ${count}`)
      .sort()
      .join(", ")}`,
  );
  // Had the requests missed everything, agreement would mean nothing.
  for (const form of forms) {
    for (const kind of ["exact", "template", "prefix", "-1", "-2", "-3"])
      assert.ok(hits.get(`${form} ${kind}`)! > 50, `${form} ${kind}`);
  }
});
