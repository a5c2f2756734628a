/**
 * Random sets of routes in every dimension the language has: listener, host, path, method, fields, query.
 *
 * Each set goes through `check` first. What it refuses is taken out, one route after the other, and held against the
 * naive matcher: a route that was called unreachable is never found, each other one is; and in what is left there is
 * never a request of which two routes could be the first. Then the generated matcher, as code and as tables in turn,
 * answers random requests as the naive one does, and so does the report's list of routes, read from the top.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { check } from "../build/compile.ts";
import { type Condition, METHOD_OTHER, type Plan, type PlannedRoute } from "../build/plan.ts";
import { generated } from "./generated-matcher.ts";
import { firstListed } from "./listed.ts";
import { isTie, matchNaively, type NaiveRequest, pathMatches, SAMPLE_PATHS } from "./naive-matcher.ts";
import { planOf, type RouteSketch } from "./plans.ts";

const RUNS = Number(process.env.RUNS ?? 1000);
const LISTENERS = ["public", "lan"];
const HOSTS = ["a.test", "x.a.test", "*.a.test", "*.x.a.test", "*.test", "b.test"];
const REQUEST_HOSTS = ["a.test", "x.a.test", "y.a.test", "z.x.a.test", "b.test", "c.example", ".a.test", "[::1]"];
const REGEXES = [
  "/[ab]+",
  "/a+b?",
  "/.*",
  "/v[0-9]/[^/]+",
  "/v1/(a|b)/?",
  "/v1/.*",
  "/(a|ab)/(b|7)",
  "/[^/]*/b",
  "/7|/x",
];
const NAMES = { field: ["x-a", "x-b"], parameter: ["v", "w"] } as const;
const VALUES = ["1", "12", "2"];
/** None, one that a condition may want, one longer, one that is only there. */
const SENT = ["", "1", "12", "123", "2", "23", "~"];

const folder = mkdtempSync(join(tmpdir(), "hardwire-random-"));
after(() => rmSync(folder, { recursive: true }));

const segment = fc.constantFrom("a", "b", "ab", "v1");
const patternSegment = fc.oneof(
  { weight: 3, arbitrary: segment },
  { weight: 2, arbitrary: fc.constantFrom("{v}", "{w}") },
);
const COMMON = ["/", "/a", "/a/b", "/v1/a", "/{v}", "/a/{v}", "/{v}/b", "/a/*", "/*", "/{v}/*", "/a/{v}/*"];
const pattern = fc
  .tuple(fc.uniqueArray(patternSegment, { minLength: 0, maxLength: 3 }), fc.constantFrom("", "/", "/*", "/*"))
  .map(([segments, end]) => `/${segments.join("/")}${segments.length === 0 ? end.replace("/", "") : end}`);
const condition: fc.Arbitrary<Condition> = fc
  .record({
    on: fc.constantFrom("field", "parameter"),
    number: fc.nat(1),
    test: fc.constantFrom("exact", "exact", "prefix", "present", "absent"),
    value: fc.constantFrom(...VALUES),
  })
  .map(({ on, number, test, value }) => ({
    on,
    name: NAMES[on][number]!,
    test,
    value: test === "exact" || test === "prefix" ? value : "",
  }));
const conditions = fc
  .uniqueArray(condition, { maxLength: 2, selector: ({ on, name }) => on + name })
  .map((list) => list.toSorted((a, b) => (a.on + a.name < b.on + b.name ? -1 : 1)));
const maybe = <T>(arbitrary: fc.Arbitrary<T>, of = 2) => fc.option(arbitrary, { nil: undefined, freq: of });
const sketch: fc.Arbitrary<RouteSketch> = fc
  .record({
    path: fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom(...COMMON) },
      { weight: 2, arbitrary: pattern },
      { weight: 1, arbitrary: fc.constantFrom(...REGEXES) },
    ),
    methods: maybe(fc.subarray(["GET", "HEAD", "POST"], { minLength: 1 })),
    hosts: maybe(fc.subarray(HOSTS, { minLength: 1, maxLength: 2 })),
    listeners: maybe(fc.subarray([0, 1], { minLength: 1 })),
    conditions: fc.oneof({ weight: 1, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: conditions }),
  })
  .map((route) => ({ ...route, isRegex: REGEXES.includes(route.path) }))
  // GET takes HEAD, which a plan says in its bits.
  .map((route) => ({
    ...route,
    methods: route.methods?.includes("GET") ? [...new Set([...route.methods, "HEAD"])] : route.methods,
  }));
/** Some with one route twice. */
const sketches = fc
  .tuple(fc.array(sketch, { minLength: 1, maxLength: 10 }), fc.option(fc.nat(9)))
  .map(([routes, again]) => (again === null || again >= routes.length ? routes : [...routes, routes[again]!]));
const sent = fc.tuple(fc.constantFrom(...SENT), fc.constantFrom(...SENT));
const request: fc.Arbitrary<NaiveRequest> = fc
  .record({
    listener: fc.nat(1),
    host: fc.constantFrom(...REQUEST_HOSTS),
    method: fc.constantFrom(1, 2, 4, METHOD_OTHER),
    path: fc.oneof(fc.constantFrom("/", "/a", "/b", "/a/b", "/v1/a", "/a/", "/a/x"), fc.constantFrom(...SAMPLE_PATHS)),
    fields: sent,
    query: sent,
  })
  .map(({ fields, query, ...rest }) => ({ ...rest, ...written(fields, query) }));

function written(fields: readonly string[], query: readonly string[]): Pick<NaiveRequest, "fields" | "query"> {
  return {
    fields: Object.fromEntries(NAMES.field.map((name, i) => [name, fields[i]!])),
    // Names and values in spellings that mean the same.
    query: NAMES.parameter
      .flatMap((name, i) => (query[i] === "" ? [] : [`${i === 0 ? "%76" : name}=${query[i]!.replace("1", "%31")}`]))
      .join("&"),
  };
}

/** The set as a routes file. */
function routesFile(routes: readonly RouteSketch[]): string {
  const written = (on: Condition["on"], list: readonly Condition[]) =>
    Object.fromEntries(
      list
        .filter((condition) => condition.on === on)
        .map(({ name, test, value }) => [
          name,
          test === "exact" ? value : test === "prefix" ? { prefix: value } : { present: test === "present" },
        ]),
    );
  return JSON.stringify({
    version: 1,
    name: "random",
    upstreams: { a: { endpoints: [{ url: "http://127.0.0.1:1" }] } },
    routes: routes.map(({ path, isRegex, methods, hosts, listeners, conditions = [] }, i) => ({
      name: `r${i}`,
      match: {
        [isRegex ? "path_regex" : "path"]: path,
        methods,
        headers: written("field", conditions),
        query: written("parameter", conditions),
      },
      hosts,
      listeners: listeners?.map((number) => LISTENERS[number]),
      upstream: "a",
    })),
  });
}

interface Finding {
  readonly code: string;
  readonly route: number;
  /** The first other route that the message names. */
  readonly other: number;
}

/** The first mistake in the set, by code and route. */
async function firstMistake(routes: readonly RouteSketch[]): Promise<Finding | undefined> {
  const [routesPath, targetPath] = [join(folder, "routes.json"), join(folder, "target.json")];
  writeFileSync(routesPath, routesFile(routes));
  writeFileSync(
    targetPath,
    JSON.stringify({
      target: "linux-x64",
      listeners: Object.fromEntries(LISTENERS.map((name, i) => [name, { address: `127.0.0.1:${8080 + i}` }])),
    }),
  );
  const { diagnostics } = await check(routesPath, targetPath);
  const [first] = diagnostics.filter(({ severity, code }) => severity === "error" && code !== "HW1207");
  if (first === undefined) return undefined;
  assert.ok(["HW1401", "HW1402", "HW1403"].includes(first.code), `${first.code} ${first.message}`);
  const [route, other] = [/^routes\.r(\d+)\./.exec(first.path), /the route "r(\d+)"/.exec(first.message)];
  return { code: first.code, route: Number(route![1]), other: Number(other![1]) };
}

/** One request of each kind that the plan's routes tell apart, on the route's paths, hosts and listeners. */
function* requestsFor(plan: Plan, route: PlannedRoute): Generator<NaiveRequest> {
  const hosts = (route.hosts ?? ["other.example"]).map((host) => host.replace("*", "other"));
  const isNamed = (name: string) => plan.routes.some((other) => other.conditions.some((one) => one.name === name));
  const valuesOf = (name: string) => (isNamed(name) ? SENT : [""]).filter((value) => suits(route, name, value));
  const [as, bs, vs, ws] = [...NAMES.field, ...NAMES.parameter].map(valuesOf) as [
    string[],
    string[],
    string[],
    string[],
  ];
  const methods = [METHOD_OTHER, 4, 2, 1].filter((method) => ((route.methods ?? method) & method) !== 0);
  for (const path of pathsOf(plan, route))
    for (const method of methods)
      for (const listener of route.listeners ?? [0, 1])
        for (const host of hosts)
          for (const a of as)
            for (const b of bs)
              for (const v of vs)
                for (const w of ws) yield { path, method, listener, host, ...written([a, b], [v, w]) };
}

/** Whether the route's own conditions leave this value possible; only to save time. */
function suits({ conditions }: PlannedRoute, name: string, value: string): boolean {
  return conditions.every((one) => one.name !== name || (value === "") === (one.test === "absent"));
}

const MORE_PATHS = ["/o", "/o/o", "/o/o/o", "/o/o/o/o", "/a/o", "/v1/o", "/ab/o", "/b/o", "/a/o/o", "/b/o/o", "/o/b/o"];
const PATHS = [...SAMPLE_PATHS, ...MORE_PATHS, ...MORE_PATHS.map((path) => `${path}/`), "/v1/a/b/o/o/o"];

/** The paths of a route, one of each kind: those that the same patterns take are alike. */
function pathsOf(plan: Plan, route: PlannedRoute): string[] {
  const byKind = new Map<string, string>();
  const plain = route.path.segments.map((segment) => ("literal" in segment ? segment.literal : "o")).join("/");
  const own = route.path.kind === "regex" ? [] : [`/${plain}`, `/${plain}/`, `/${plain}/o`, `/${plain}/o/o/o/o/o`];
  for (const path of [...own, ...PATHS]) {
    if (path.includes("//") || !pathMatches(route.path, path)) continue;
    const kind = plan.routes.map((other) => Number(pathMatches(other.path, path))).join("");
    if (!byKind.has(kind)) byKind.set(kind, path);
  }
  return [...byKind.values()];
}

function isReached(plan: Plan, number: number): boolean {
  for (const request of requestsFor(plan, plan.routes[number]!))
    if (matchNaively(plan, request).route === number) return true;
  return false;
}

/** Whether the two routes take some request and neither goes first. */
function hasTie(plan: Plan, { route, other }: Finding): boolean {
  const pair: Plan = { ...plan, routes: [plan.routes[route]!, plan.routes[other]!] };
  for (const one of pair.routes) for (const request of requestsFor(pair, one)) if (isTie(pair, request)) return true;
  return false;
}

test(`${RUNS} random sets of routes: what check says of them, and what the matcher does with them`, async () => {
  const seed = Number(process.env.SEED ?? Date.now() & 0x7fffffff);
  const hits = new Map<string, number>();
  const count = (what: string) => hits.set(what, (hits.get(what) ?? 0) + 1);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(sketches, fc.array(request, { minLength: 20, maxLength: 40 }), async (all, requests) => {
      let routes = all;
      for (;;) {
        const found = await firstMistake(routes);
        if (found === undefined) break;
        count(found.code);
        const plan = planFor(routes);
        if (found.code === "HW1403") assert.equal(isReached(plan, found.route), false, `r${found.route} is reached`);
        else assert.ok(hasTie(plan, found), `r${found.route} does not tie with r${found.other}: ${routesFile(routes)}`);
        routes = routes.filter((_, number) => number !== found.route);
      }
      if (routes.length === 0) return;
      const plan = planFor(routes);
      // The slowest part, and each set has several routes.
      if (run++ % 4 === 0)
        for (const number of routes.keys()) assert.ok(isReached(plan, number), `r${number} cannot be reached`);
      const form = ["code", "tables"][run % 2]!;
      const match = await generated(plan, form);
      for (const request of requests) {
        const wanted = matchNaively(plan, request);
        count(`${form} ${wanted.route >= 0 ? plan.routes[wanted.route]!.path.kind : wanted.route}`);
        assert.deepEqual(match(request), wanted, `${JSON.stringify(request)}, ${form}`);
        assert.equal(firstListed(plan, request), Math.max(wanted.route, -1), `report: ${JSON.stringify(request)}`);
        assert.equal(isTie(plan, request), false, `two routes could be first: ${JSON.stringify(request)}`);
      }
    }),
    { seed, numRuns: RUNS },
  );
  const counts = [...hits].map(([kind, count]) => `${kind} ${count}`).sort();
  console.log(`seed ${seed}; ${counts.join(", ")}`);
  // Had the requests missed everything, agreement would mean nothing.
  const kinds = ["exact", "template", "prefix", "regex", "-1", "-2", "-3"];
  for (const form of ["code", "tables"])
    for (const kind of kinds) assert.ok(hits.get(`${form} ${kind}`)! > RUNS / 50, `${form} ${kind}`);
  for (const code of ["HW1401", "HW1402", "HW1403"]) assert.ok(hits.get(code)! > RUNS / 100, code);
});

function planFor(routes: readonly RouteSketch[]): Plan {
  const listeners = LISTENERS.map((name, i) => ({ name, host: "127.0.0.1", port: 8080 + i }));
  return planOf(routes, { listeners });
}
