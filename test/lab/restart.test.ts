/** What systemd does when the process hangs, crashes or cannot start. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ATTACKED_LIMITS } from "../harness/attack.ts";
import { startLoad, startOrigin } from "../harness/network/start.ts";
import { ATTACKED, bootInstalled, NAME, PORT, ROUTES, TARGET, tryInstall, WATCHDOG_MS } from "./gateway.ts";
import { Machine } from "./machine.ts";
import { inFullForm, labMissing } from "./needs.ts";
import { Unit } from "./unit.ts";

/** RestartSec= and a start. */
const RESTART_MS = 4000;

async function answers(machine: Machine): Promise<void> {
  const load = await startLoad(machine, { port: PORT, path: "/fixed", keepAlive: 1, oneRequest: 1, pauseMs: 0 });
  assert.deepEqual((await load.stop()).failures, {});
}

test("stopped by kill -STOP, it is ended and started again within the watchdog's time", {
  skip: labMissing,
}, async (context) => {
  const unit = await bootInstalled();
  const { MainPID } = await unit.state();
  const startMs = performance.now();
  await unit.kill("SIGSTOP");
  const { NRestarts } = await unit.until(
    (state) => state.ActiveState === "active" && state.MainPID !== MainPID,
    "started again",
  );
  const tookMs = performance.now() - startMs;
  assert.equal(NRestarts, 1);
  assert.match(await unit.journal(), /Watchdog timeout/);
  assert.ok(tookMs < WATCHDOG_MS + RESTART_MS, `${tookMs} ms`);
  await answers(unit.machine);
  context.diagnostic(`answers again after ${Math.round(tookMs)} ms, the watchdog's time is ${WATCHDOG_MS} ms`);
});

test("with every connection taken it is left alone", { skip: labMissing || inFullForm }, async () => {
  const unit = await bootInstalled(ATTACKED);
  const clients = { keepAlive: ATTACKED_LIMITS.connections, oneRequest: 0, pauseMs: 2000 };
  const load = await startLoad(unit.machine, { port: PORT, path: "/fixed", ...clients });
  await sleep(WATCHDOG_MS * 2);
  assert.deepEqual((await load.stop()).failures, {});
  const { NRestarts, ActiveState } = await unit.state();
  assert.deepEqual([NRestarts, ActiveState], [0, "active"], await unit.journal());
});

for (const signal of ["SIGSEGV", "SIGABRT", "SIGKILL"] as const) {
  test(`after a crash by ${signal} it is started again`, {
    skip: labMissing || (signal !== "SIGSEGV" && inFullForm),
  }, async () => {
    const unit = await bootInstalled();
    const { MainPID } = await unit.state();
    await unit.kill(signal);
    const state = await unit.until((now) => now.ActiveState === "active" && now.MainPID !== MainPID, "started again");
    assert.equal(state.NRestarts, 1);
    await answers(unit.machine);
  });
}

test("with a bad credential it is started once, says which one, and never what is in it", {
  skip: labMissing,
}, async () => {
  const machine = await Machine.boot();
  const from = `/etc/${NAME}/credentials`;
  const secret = "line one\nsecret-of-the-lab";
  await machine.write(`${from}/token`, secret);
  const routes = {
    ...ROUTES,
    routes: [{ ...ROUTES.routes[1]!, request_headers: { set: { authorization: "Bearer {credential.token}" } } }],
  };
  const target = { ...TARGET, service: { ...TARGET.service, credentials: { from } } };
  await tryInstall(machine, { routes, target });
  const unit = new Unit(machine, `${NAME}.service`);
  const state = await unit.until(({ ActiveState }) => ActiveState === "failed", "failed");
  await sleep(RESTART_MS);
  const { ActiveState, NRestarts } = await unit.state();
  assert.deepEqual([state.ExecMainStatus, ActiveState, NRestarts], [78, "failed", 0], await unit.journal());
  const journal = await machine.must("journalctl", "--no-pager", "--all");
  assert.match(journal, /credential "token"/);
  assert.doesNotMatch(journal, /secret-of-the-lab|line one/);

  await machine.write(`${from}/token`, "mended");
  await machine.must("systemctl", "restart", NAME);
  assert.equal((await unit.state()).ActiveState, "active");
});

test("with its port taken it gives up after some tries, and starts when the port is free", {
  skip: labMissing || inFullForm,
}, async (context) => {
  const machine = await Machine.boot();
  const other = await startOrigin(machine, PORT);
  await tryInstall(machine, {});
  const unit = new Unit(machine, `${NAME}.service`);
  const state = await unit.until(
    ({ ActiveState, SubState }) => ActiveState === "failed" && SubState === "failed",
    "failed",
    60_000,
  );
  assert.equal(state.ExecMainStatus, 69);
  await sleep(RESTART_MS);
  const { ActiveState, NRestarts } = await unit.state();
  assert.deepEqual([ActiveState, NRestarts], ["failed", state.NRestarts]);
  assert.match(await unit.journal(), /cannot listen on .*in use/);
  context.diagnostic(`gave up after ${NRestarts} tries more`);
  await other.stop();
  await machine.must("systemctl", "reset-failed", NAME);
  await machine.must("systemctl", "start", NAME);
  await answers(machine);
});
