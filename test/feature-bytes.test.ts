/**
 * What each feature adds to the program, as the README's table says it: the example of the feature's own README is
 * bundled, and the bytes of core and features are compared with a gateway that only forwards. The same for `tests`. What
 * several features bring, such as the core's part of admin listeners, counts for each of them.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { bundle } from "../build/bundle.ts";
import { check } from "../build/compile.ts";
import { emit } from "../build/emit/index.ts";
import { findFeatures } from "../build/features.ts";

const REPOSITORY = join(import.meta.dirname, "..");
const README = readFileSync(join(REPOSITORY, "README.md"), "utf8");
const FORWARDS = "routes:\n  - { name: all, match: { path: /all }, upstream: api }\n";
/** Pages are on the listener "admin" where a feature has any; else it is one more that nobody uses. */
const TARGET = `target: linux-x64
listeners: { public: { address: "127.0.0.1:8080" }, admin: { address: "127.0.0.1:9464" } }
`;
/** What may change without the README: a tenth, or a few lines of code. */
const tolerance = (bytes: number) => Math.max(30, bytes / 10);

const folder = mkdtempSync(join(tmpdir(), "hardwire-bytes-"));
after(() => rmSync(folder, { recursive: true }));

/** Bytes of core and features in the program for these routes, and the features that are in it. */
interface Measured {
  readonly bytes: number;
  readonly features: readonly string[];
  readonly code: string;
}

async function measure(routes: string, target = TARGET): Promise<Measured> {
  const upstreams = ["api", "plc"].map((name) => [
    name,
    { endpoints: [{ url: "http://127.0.0.1:3000" }], allow_unused: true },
  ]);
  const core = `version: 1\nname: t\nupstreams: ${JSON.stringify(Object.fromEntries(upstreams))}\n`;
  writeFileSync(join(folder, "r.yaml"), core + routes);
  writeFileSync(join(folder, "t.yaml"), target);
  const { design, diagnostics } = await check(join(folder, "r.yaml"), join(folder, "t.yaml"));
  assert.ok(design !== undefined, JSON.stringify(diagnostics, null, 1));
  const generated = join(folder, "generated");
  await emit(design.plan, generated);
  const { inputs, code } = await bundle({ repository: REPOSITORY, generated, features: design.plan.features });
  const own = inputs.filter(({ path }) => !path.startsWith("generated/"));
  return {
    bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
    features: design.plan.features.map(({ name }) => name),
    code,
  };
}

const forwards = await measure(FORWARDS);
const plain = forwards.bytes;

/** @param stated "112" or "5,130" */
function compare(what: string, stated: string | undefined, bytes: number): void {
  const said = Number(stated?.replace(",", ""));
  assert.ok(Math.abs(said - bytes) <= tolerance(bytes), `${what} adds ${bytes} bytes, the README says ${stated}`);
}

for (const { name, routeKeys, programKeys } of await findFeatures()) {
  test(`the README says how many bytes ${name} adds`, async () => {
    const own = readFileSync(join(REPOSITORY, "src/features", name, "README.md"), "utf8");
    const example = /^```yaml\n([\s\S]*?)^```$/m.exec(own)?.[1];
    assert.ok(
      example !== undefined && /^routes:/m.test(example),
      `the README of ${name} begins with an example that has routes`,
    );
    const { bytes, features } = await measure(example);
    assert.deepEqual(features, [name], "the example uses this feature and no other");
    for (const key of Object.keys({ ...routeKeys, ...programKeys })) {
      const row = README.split("\n").find(
        (line) => line.startsWith("| ") && line.split("|")[1]!.includes(`\`${key}\``),
      );
      assert.ok(row !== undefined, `no row of the README's table has the key ${key}`);
      compare(name, row.split("|").at(-2)!.trim(), bytes - plain);
    }
  });
}

test("the README says how many bytes tests add", async () => {
  const { bytes } = await measure(`${FORWARDS}tests:\n  - { request: GET /all, expect: { route: all } }\n`);
  compare("tests", /adds ([\d,]+) bytes to it/.exec(README.replaceAll(/\s+/g, " "))?.[1], bytes - plain);
});

test("the README says how many bytes signs of life, a watchdog and credentials add", async () => {
  const text = README.replaceAll(/\s+/g, " ");
  const [, service, watchdog, credentials] =
    /`service` adds ([\d,]+) bytes, its `watchdog` ([\d,]+), credentials ([\d,]+)/.exec(text) ?? [];
  const served = (await measure(FORWARDS, `${TARGET}service: { manager: systemd }\n`)).bytes;
  compare("service", service, served - plain);
  const watched = (await measure(FORWARDS, `${TARGET}service: { manager: systemd, watchdog: 30s }\n`)).bytes;
  compare("watchdog", watchdog, watched - served);
  const set = (value: string) => FORWARDS.replace("api }", `api, request_headers: { set: { X-A: "${value}" } } }`);
  const constant = (await measure(set("a"))).bytes;
  compare("credentials", credentials, (await measure(set("{credential.a}"))).bytes - constant);
});

test("the README says how many bytes the exchange of builds adds", async () => {
  const { bytes } = await measure(FORWARDS, `${TARGET}update: { probation: 60s }\n`);
  compare("update", /`update` adds ([\d,]+) bytes/.exec(README)?.[1], bytes - plain);
});

/** Names in the core that only features lead to: what one of them does for a request, or keeps of it. */
const OBSERVING = [
  ...["arrive", "refusalHead", "takeField", "startTaking", "cameBy", "arriveBy", "requestIdOf", "randomHex"],
  ...["isListening", "adminApp", "beginRecord", "endRecord", "noteReply", "noteFault", "noteAnswer", "upstreamError"],
  "startFeatures",
];

test("a program that only forwards has nothing of what observes, not by name and not in its exchanges", async () => {
  const named = (code: string) => OBSERVING.filter((name) => new RegExp(`\\b${name}[(=,;)]`).test(code));
  assert.deepEqual(named(forwards.code), []);
  assert.doesNotMatch(forwards.code, /\brecord\b\s*[=.]\s*(?!null)/);
  const all = {
    health: {},
    metrics: {},
    access_log: {},
    request_id: { trust: ["public"] },
    trace: { propagate: "w3c" },
  };
  const { code } = await measure(`${FORWARDS}observability: ${JSON.stringify(all)}\n`);
  const known = named(code);
  assert.deepEqual(
    OBSERVING.filter((name) => !known.includes(name)),
    [],
    "these names are none, or not any more",
  );
});
