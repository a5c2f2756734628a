/**
 * Requests that are values, as the build asks the generated code, against requests that uWebSockets.js reads from a
 * socket, as the executable asks itself: a thousand at random must come to the same.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { HOST_TARGET, ports, runFolder } from "../harness.ts";
import { SEED } from "../property/seed.ts";

const HARDWIRE = fileURLToPath(new URL("../../build/launch.mjs", import.meta.url));
const folder = join(runFolder(), "self-test");
mkdirSync(folder, { recursive: true });

const upstream = { endpoints: [{ url: "http://127.0.0.1:3000" }] };
const ROUTES = {
  version: 1,
  name: "asked",
  defaults: { request_headers: { set: { "X-Seen": "{method} {host} {path} {query}" } } },
  upstreams: { api: upstream, other: upstream },
  routes: [
    { name: "exact", match: { path: "/one", methods: ["GET", "POST"] }, upstream: "api", limits: { body: "1KiB" } },
    { name: "template", match: { path: "/v1/{id}" }, hosts: ["a.test", "[::1]"], upstream: "api" },
    { name: "prefix", match: { path: "/x/*" }, upstream: "other", rewrite: { strip_prefix: "/x" } },
    { name: "field", match: { path: "/f", headers: { "X-Beta": { prefix: "1" } } }, upstream: "api" },
    { name: "query", match: { path: "/q", query: { beta: "yes" } }, upstream: "other" },
    { name: "fixed", match: { path: "/fixed" }, hosts: ["*.a.test"], respond: { status: 404, body: "none" } },
  ],
};

const pick = <T>(...values: T[]) => fc.constantFrom(...values);
const segment = pick("v1", "a", "%41", "%7e", "x", "f", "q", "fixed", "..", "%2e", "", "%2F", "%zz", "a;b", "%C3%A9");
const request = fc.record({
  method: pick("GET", "GET", "GET", "HEAD", "POST", "OPTIONS", "BREW", "TRACE"),
  host: pick("a.test", "a.test", "A.Test:81", "b.a.test", "b.a.test", "[::1]", ""),
  path: fc.oneof(
    pick("/one", "/v1/b", "/x/y", "/f", "/q", "/fixed", "/x/%41", "/"),
    fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => `/${segments.join("/")}`),
  ),
  query: pick("", "", "?", "?a", "?beta=yes", "?beta=y%65s", "?beta=yes&beta=no", "?a=<b>", "?a=%"),
  headers: fc.record(
    {
      "X-Beta": pick("1", "12", "0", ""),
      Accept: pick("a", "b, c", "x  y"),
      "Content-Length": pick("0", "7", "4000"),
      "Max-Forwards": pick("0", "3"),
      "X-Forwarded-For": pick("10.0.0.1"),
      TE: pick("trailers"),
    },
    { requiredKeys: [] },
  ),
});

type Asked = { outcome: string; failures: unknown[] }[];

/** Runs a command on these tests; what it printed. */
function hardwire(tests: readonly object[], ...command: string[]) {
  const [name, ...args] = command;
  writeFileSync(join(folder, "r.json"), JSON.stringify({ ...ROUTES, tests }));
  const listeners = { public: { address: `127.0.0.1:${ports.device}` } };
  writeFileSync(join(folder, "t.json"), JSON.stringify({ target: HOST_TARGET, listeners }));
  const line = [HARDWIRE, name!, "r.json", "--target", "t.json", "--json", ...args];
  const { stdout, stderr } = spawnSync(process.execPath, line, { cwd: folder, encoding: "utf8", maxBuffer: 1 << 28 });
  assert.equal(stderr, "");
  return JSON.parse(stdout) as { tests: Asked };
}

test("1,000 random requests come to the same as values and through a socket", () => {
  const asked = fc.sample(request, { numRuns: 1000, seed: SEED }).map(({ method, host, path, query, headers }) => ({
    request: `${method} ${host}${path}${query}`,
    headers,
  }));
  // What comes of them is what they then expect.
  const found = hardwire(
    asked.map((one) => ({ ...one, expect: { status: 599 } })),
    "test",
  ).tests;
  const tests = asked.map((one, at) => ({ ...one, expect: expectationOf(found[at]!.outcome) }));
  hardwire(tests, "build", "--out", "gateway");
  const { tests: inside } = hardwire(tests, "test", "--binary", "gateway");
  assert.deepEqual(
    inside,
    found.map((one) => ({ ...one, failures: [] })),
  );
  const kinds = new Map<string, number>();
  for (const { outcome } of inside) {
    const kind = /route "(\w+)"/.exec(outcome)?.[1] ?? /answered (\d+)/.exec(outcome)![1]!;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  console.log([...kinds].map(([kind, count]) => `${kind} ${count}`).join(", "));
  // Had all of them been refused alike, agreement would mean nothing.
  for (const kind of [...ROUTES.routes.map(({ name }) => name), "400", "404", "405"]) assert.ok(kinds.has(kind), kind);
});

function expectationOf(outcome: string): object {
  const status = /(?:answers|answered) (\d+)/.exec(outcome)?.[1];
  return status === undefined ? { route: /route "(\w+)"/.exec(outcome)![1] } : { status: Number(status) };
}
