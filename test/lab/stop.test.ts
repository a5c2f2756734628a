/** `systemctl stop` while requests are in flight. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startLoad, startOrigin } from "../harness/network/start.ts";
import { activate, bootInstalled, DRAIN_MS, NAME, NEXT_ROUTES, ORIGIN_PORT, PORT } from "./gateway.ts";
import { isFull, labMissing } from "./needs.ts";

const LONG_MS = isFull ? 10_000 : 3000;
const KEEP_ALIVE = 8;
const ONE_REQUEST = 4;
const CLIENTS = KEEP_ALIVE + ONE_REQUEST;
const load = { port: PORT, keepAlive: 0, oneRequest: 0, pauseMs: 1 };

test(`stopped under load, all requests in flight are answered, one of them after ${LONG_MS / 1000} s, and nothing is accepted meanwhile`, {
  skip: labMissing,
}, async (context) => {
  const unit = await bootInstalled();
  const { machine } = unit;
  await startOrigin(machine, ORIGIN_PORT);
  const busy = await startLoad(machine, { ...load, path: "/quick", keepAlive: KEEP_ALIVE, oneRequest: ONE_REQUEST });
  const long = await startLoad(machine, { ...load, path: `/wait/${LONG_MS}`, keepAlive: 1 });
  await sleep(500);
  assert.equal((await busy.look()).failed, 0);

  const startMs = performance.now();
  const stopped = machine.run(["systemctl", "stop", NAME]);
  await sleep(200);
  const late = await startLoad(machine, { ...load, path: "/fixed", oneRequest: 2, pauseMs: 20 });
  const { requests, failures } = await long.stop();
  assert.deepEqual([requests, failures], [1, {}]);
  assert.equal((await stopped).code, 0);
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs < DRAIN_MS, `${tookMs} ms`);

  const { Result, ExecMainStatus } = await unit.state();
  assert.deepEqual([Result, ExecMainStatus], ["success", 0]);
  const refused = await late.stop();
  assert.deepEqual(refused.failures, { "connecting: ECONNREFUSED": refused.requests });
  const { requests: asked, failed, failures: seen } = await busy.stop();
  // Connections that the kernel had opened, and the gateway not yet accepted, when it stopped listening. A busy client sees
  // the end of such a one before it has seen that it is open.
  const {
    "connecting: ECONNREFUSED": _,
    "connecting: ECONNRESET": unseen = 0,
    "asked first: ECONNRESET": unaskedFor = 0,
    ...cut
  } = seen;
  assert.deepEqual(cut, {});
  const unaccepted = unseen + unaskedFor;
  assert.ok(unaccepted <= CLIENTS, `${unaccepted} connections of ${CLIENTS} clients were reset`);
  context.diagnostic(
    `stopped in ${Math.round(tookMs)} ms, ${asked - failed} answered, none cut, ${unaccepted} reset unaccepted`,
  );
});

test("stopped after another build has taken over, it drains as before", { skip: labMissing }, async () => {
  const unit = await bootInstalled();
  const { machine } = unit;
  await startOrigin(machine, ORIGIN_PORT);
  // Not systemd's child when it becomes the main process.
  assert.equal((await activate(machine, { routes: NEXT_ROUTES })).code, 0);
  const long = await startLoad(machine, { ...load, path: `/wait/${LONG_MS}`, keepAlive: 1 });
  await sleep(500);
  const stopped = machine.run(["systemctl", "stop", NAME]);
  const { requests, failures } = await long.stop();
  assert.deepEqual([requests, failures], [1, {}], await unit.journal());
  assert.equal((await stopped).code, 0);
  const { ActiveState, Result } = await unit.state();
  assert.deepEqual([ActiveState, Result], ["inactive", "success"]);
});
