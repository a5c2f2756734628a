/** New builds that are no good, each activated on a machine under load: rolled back by themselves, and nobody notices. */
import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Seen } from "../harness/network/load.ts";
import { startLoad, startOrigin } from "../harness/network/start.ts";
import { activate, type Build, bootInstalled, NAME, ORIGIN_PORT, PORT, ROUTES, TARGET } from "./gateway.ts";
import type { Machine, Ran } from "./machine.ts";
import { labMissing } from "./needs.ts";
import type { Unit } from "./unit.ts";

const SLOW_ORIGIN_PORT = 3002;
/** Of the origin; under the target's p99, which twice of it is not. */
const ORIGIN_MS = 300;

/** Says what was said and seen while the build was on trial; the machine is left as it is. */
async function tryBuild(
  unit: Unit,
  build: Build,
  reason: RegExp,
  meanwhile?: (machine: Machine) => Promise<void>,
): Promise<Ran & { seen: Seen }> {
  const { machine } = unit;
  const before = await unit.state();
  const current = await machine.must("readlink", `/opt/${NAME}/current`);
  await startOrigin(machine, ORIGIN_PORT, ORIGIN_MS);
  const load = await startLoad(machine, { port: PORT, path: "/x", keepAlive: 16, oneRequest: 8, pauseMs: 10 });
  const [ran] = await Promise.all([activate(machine, build), meanwhile?.(machine)]);
  await sleep(500);
  const seen = await load.stop();
  const after = await unit.state();
  assert.deepEqual(
    [after.ActiveState, after.MainPID, after.NRestarts],
    ["active", before.MainPID, 0],
    await unit.journal(),
  );
  assert.equal(await machine.must("readlink", `/opt/${NAME}/current`), current);
  assert.equal(ran.code, 1, ran.stdout + ran.stderr);
  assert.match(ran.stdout, reason, "found out by the defence that is meant for it");
  return { ...ran, seen };
}

test("a build that ends before it is ready is rolled back, no request fails", { skip: labMissing }, async (context) => {
  const target = { ...TARGET, listeners: { public: { address: `192.0.2.1:${PORT}` } } };
  const { stdout, seen } = await tryBuild(await bootInstalled(), { target }, /: cannot listen on /);
  assert.deepEqual(seen.failures, {});
  context.diagnostic(stdout.trim());
});

test("a build that never becomes ready is rolled back, no request fails", { skip: labMissing }, async (context) => {
  const build = { routes: { ...ROUTES, routes: ROUTES.routes.toReversed() } };
  const { stdout, seen } = await tryBuild(await bootInstalled(), build, /: it was not ready within 5 s/, stopCandidate);
  assert.deepEqual(seen.failures, {});
  context.diagnostic(stdout.trim());
});

/** Stops the process on trial as soon as there is one. */
async function stopCandidate(machine: Machine): Promise<void> {
  const current = (await machine.must("readlink", "-f", `/opt/${NAME}/current/${NAME}`)).trim();
  for (;;) {
    for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
      try {
        const file = readlinkSync(`/proc/${pid}/exe`);
        if (!file.startsWith(`/opt/${NAME}/`) || file === current || !machine.has(Number(pid))) continue;
        process.kill(Number(pid), "SIGSTOP");
        return;
      } catch {
        // It ended, or belongs to the kernel.
      }
    }
    await sleep(1);
  }
}

test("a build that answers 500 is rolled back, every request is answered", { skip: labMissing }, async (context) => {
  const routes = {
    ...ROUTES,
    upstreams: {},
    routes: [{ name: "all", match: { path: "/*" }, respond: { status: 500, body: "" } }],
  };
  const { stdout, seen } = await tryBuild(await bootInstalled(), { routes }, /of its \d+ answers were errors/);
  const { "asked first: answered 500": first = 0, "asked again: answered 500": again = 0, ...others } = seen.failures;
  assert.deepEqual(others, {});
  assert.ok(first + again > 0, "it was tried");
  context.diagnostic(`${stdout.trim()}; ${first + again} of ${seen.requests} answers were 500`);
});

test("a build that is twice as slow is rolled back, no request fails", { skip: labMissing }, async (context) => {
  const upstreams = { origin: { endpoints: [{ url: `http://127.0.0.1:${SLOW_ORIGIN_PORT}` }] } };
  const unit = await bootInstalled();
  await startOrigin(unit.machine, SLOW_ORIGIN_PORT, ORIGIN_MS * 2);
  const { stdout, seen } = await tryBuild(
    unit,
    { routes: { ...ROUTES, upstreams } },
    /of its \d+ answers took longer than 500 ms/,
  );
  assert.deepEqual(seen.failures, {});
  context.diagnostic(stdout.trim());
});

test("a build for a bigger device is rolled back, no request fails", { skip: labMissing }, async (context) => {
  const target = { ...TARGET, limits: { connections: 200_000, in_flight: 50_000 } };
  const { stdout, seen } = await tryBuild(
    await bootInstalled(),
    { target },
    /: built for a bigger device: it can need \d+ MiB/,
  );
  assert.deepEqual(seen.failures, {});
  context.diagnostic(stdout.trim());
});
