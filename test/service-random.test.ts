/**
 * Units of random routes and target files, odd names and paths among them: whatever `check` lets through, systemd reads
 * without a word, and none has a right to more than the folders that are written to.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { check } from "../build/compile.ts";
import type { Plan } from "../build/plan.ts";
import { makeUnit } from "../build/service/index.ts";
import { SEED } from "./property/seed.ts";

const ANALYZE = "/usr/bin/systemd-analyze";
const skip = existsSync(ANALYZE) ? false : "systemd-analyze is not there (Debian's package systemd)";
const COUNT = Number(process.env.UNITS ?? 60);

const folder = mkdtempSync(join(tmpdir(), "hardwire-units-"));
after(() => rmSync(folder, { recursive: true }));

const odd = fc.string({ unit: fc.constantFrom(..."ab0._@-%\\\"' $;é&~"), minLength: 1, maxLength: 8 });
const plain = fc.string({ unit: fc.constantFrom(..."ab0._@-"), minLength: 1, maxLength: 8 });
const named = fc.constantFrom("run", "etc", "var", "lib");
const segment = fc.oneof(
  { arbitrary: plain, weight: 20 },
  { arbitrary: named, weight: 10 },
  { arbitrary: fc.constantFrom(".", ".."), weight: 1 },
);
const pathOf = (part: fc.Arbitrary<string>, minLength = 1) =>
  fc.array(part, { minLength, maxLength: 4 }).map((parts) => `/${parts.join("/")}`);
const orNone = <T>(some: fc.Arbitrary<T>) => fc.option(some, { nil: undefined });

const sketches = fc.record({
  name: fc.oneof(
    fc.constantFrom("a", "0", "a--b-", "systemd", "x".repeat(63)),
    fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/),
    fc.stringMatching(/^[a-z]{1,5}-[0-9]{1,3}$/),
  ),
  from: pathOf(segment),
  textfile: orNone(pathOf(segment, 3).map((path) => `${path}.prom`)),
  socket: orNone(pathOf(odd)),
  credential: orNone(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,10}$/)),
  encrypted: fc.boolean(),
  user: orNone(fc.stringMatching(/^[a-z_][a-z0-9_-]{0,30}$/)),
  watchdog: orNone(fc.constantFrom("5s", "7500ms", "90m", "24h")),
  host: fc.constantFrom("0.0.0.0", "127.0.0.1", "[::1]", "[::]", "[fd00::7]", "10.1.1.1"),
  port: fc.integer({ min: 1, max: 65_535 }),
  endpoint: fc.constantFrom("http://10.0.0.1", "http://[fd00::1]", "http://api.test", "http://127.0.0.1:1"),
  isUpdated: fc.boolean(),
  drain: fc.constantFrom("1ms", "1500ms", "20s", "24h"),
});
type Sketch = typeof sketches extends fc.Arbitrary<infer T> ? T : never;

function routesOf({ name, socket, endpoint, credential, textfile }: Sketch): object {
  const request_headers = credential && { set: { "X-Key": `{credential.${credential}}` } };
  return {
    version: 1,
    name,
    upstreams: { api: { endpoints: [{ url: socket === undefined ? endpoint : `unix:${socket}` }] } },
    routes: [{ name: "all", match: { path: "/*" }, upstream: "api", ...(request_headers && { request_headers }) }],
    ...(textfile && { observability: { metrics: { textfile: { path: textfile } } } }),
  };
}

function targetOf({ host, port, drain, user, watchdog, credential, from, encrypted, isUpdated }: Sketch): object {
  const credentials = credential && { from, encrypted };
  return {
    target: "linux-x64",
    listeners: { public: { address: `${host}:${port}` } },
    timing: { drain },
    service: {
      manager: "systemd",
      ...(user && { user }),
      ...(watchdog && { watchdog }),
      ...(credentials && { credentials }),
    },
    ...(isUpdated && { update: {} }),
  };
}

/** Undefined if the check has found a mistake. */
async function planOf(sketch: Sketch): Promise<Plan | undefined> {
  const [routes, target] = [join(folder, "routes.json"), join(folder, "target.json")];
  writeFileSync(routes, JSON.stringify(routesOf(sketch)));
  writeFileSync(target, JSON.stringify(targetOf(sketch)));
  return (await check(routes, target)).design?.plan;
}

test(`${COUNT} units that nobody thought of`, { skip }, async (context) => {
  const files: string[] = [];
  let refused = 0;
  for (const [i, sketch] of fc.sample(sketches, { seed: SEED, numRuns: COUNT }).entries()) {
    const plan = await planOf(sketch);
    if (plan === undefined) {
      refused += 1;
      continue;
    }
    const unit = makeUnit(plan);
    for (const line of unit.split("\n")) assert.match(line, /^(#.*|\[\w+\]|[A-Za-z0-9]+=.*|)$/);
    assert.doesNotMatch(unit, /^(ReadWritePaths|RuntimeDirectory)=-?(\/[^/]*|systemd|user)$/m);
    const file = join(folder, `unit-${i}.service`);
    // It looks for the executable; /bin/sh is one that is here.
    writeFileSync(file, unit.replace(/^ExecStart=.*$/m, "ExecStart=/bin/sh"));
    files.push(file);
  }
  const verify = spawnSync(ANALYZE, ["verify", "--man=no", ...files], { encoding: "utf8" });
  assert.deepEqual([verify.status, verify.stdout, verify.stderr], [0, "", ""]);
  assert.ok(files.length > COUNT / 4, `${files.length}`);
  context.diagnostic(`${files.length} units, ${refused} refused by the check`);
});
