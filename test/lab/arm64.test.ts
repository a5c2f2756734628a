/** The arm64 package on an arm64 Debian, under qemu: as far as it carries (README, The device lab). Long form only. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startLoad, startOrigin } from "../harness/network/start.ts";
import { fetchText, install, NAME, NEXT_ROUTES, ORIGIN_PORT, PORT, TARGET } from "./gateway.ts";
import { Machine } from "./machine.ts";
import { inFullForm, labMissing } from "./needs.ts";

const skip = labMissing || inFullForm || (process.arch !== "x64" && "this host runs arm64 by itself");
/** With the times of an emulated processor. */
const ARM_TARGET = {
  ...TARGET,
  target: "linux-arm64",
  service: { ...TARGET.service, watchdog: "20s" },
};
const WAIT_MS = 90_000;
const LOAD_MS = 5000;

test("the arm64 package on an arm64 Debian: serves, is watched, upgraded and stopped", {
  skip,
}, async (context) => {
  const machine = await Machine.boot({ architecture: "arm64" });
  assert.equal(await machine.must("dpkg", "--print-architecture"), "arm64\n");
  const unit = await install(machine, { target: ARM_TARGET });
  assert.equal((await unit.state()).ActiveState, "active");
  assert.equal(await fetchText(machine, "/fixed"), "fixed");

  await startOrigin(machine, ORIGIN_PORT);
  const load = await startLoad(machine, { port: PORT, path: "/x", keepAlive: 2, oneRequest: 2, pauseMs: 20 });
  await sleep(LOAD_MS);
  const { requests, failures } = await load.stop();
  assert.deepEqual(failures, {});

  await unit.kill("SIGSTOP");
  const restarted = await unit.until(
    ({ NRestarts, ActiveState }) => NRestarts === 1 && ActiveState === "active",
    "started again",
    WAIT_MS,
  );
  assert.match(restarted.StatusText, /^serving/);
  // To `activate` the running service is no build of this name: qemu is the file of every process. So builds change
  // places here as they do where nothing runs; how one takes over is arm64-upgrade.test.ts.
  const first = await statusOf(machine);
  await install(machine, { target: ARM_TARGET, routes: NEXT_ROUTES, release: "1.1.0" });
  await machine.must("systemctl", "restart", NAME);
  assert.equal(await fetchText(machine, "/fixed"), "next");
  await machine.must("systemctl", "stop", NAME);
  const { ActiveState, Result } = await unit.state();
  assert.deepEqual([ActiveState, Result], ["inactive", "success"]);

  const second = await statusOf(machine);
  assert.deepEqual([second.previous, second.installed.length], [first.current, 2]);
  await machine.must(`/opt/${NAME}/current/${NAME}`, "rollback");
  const back = await statusOf(machine);
  assert.deepEqual([back.current, back.previous], [first.current, second.current]);
  await machine.must("systemctl", "start", NAME);
  assert.equal(await fetchText(machine, "/fixed"), "fixed");
  context.diagnostic(`${requests} requests in ${LOAD_MS / 1000} s`);
});

async function statusOf(machine: Machine): Promise<{ current: string; previous: string; installed: string[] }> {
  return JSON.parse(await machine.must(`/opt/${NAME}/current/${NAME}`, "status", "--json"));
}
