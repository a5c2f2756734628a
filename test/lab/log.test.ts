/** access_log and a real journal: priorities, fields, and what happens while journald stands still. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { JOURNAL_BYTES } from "../../src/features/access-log/runtime-limits.ts";
import { HOST_TARGET, pack } from "../harness/device.ts";
import { startLoad } from "../harness/network/start.ts";
import { Machine } from "./machine.ts";
import { isFull, labMissing } from "./needs.ts";
import { Unit } from "./unit.ts";

const PORT = 8080;
/** Their lines do not fit what is between service and journal. Systemd takes journald for dead after 3 minutes. */
const REQUESTS = isFull ? 40_000 : 8000;

const USUAL_REQUESTS = 2000;
/** The gateway's own, between two looks. */
const NOISE_BYTES = 4 << 20;
/** Long lines: between a service and the journal systemd puts a socket that holds 16 MB. */
const PADS = ["a", "b", "c", "d", "e", "f", "g", "h"].map((letter) => `X-Pad-${letter}`);
const ROUTES = {
  version: 1,
  name: "logged",
  routes: [{ name: "ping", match: { path: "/ping/*" }, hosts: ["localhost"], respond: { status: 200, body: "pong" } }],
  observability: { access_log: { sample: { success: "100%" }, budget: "100GiB/h", request_headers: PADS } },
};
const TARGET = { target: HOST_TARGET, listeners: { public: { address: `127.0.0.1:${PORT}` } } };
const fields = PADS.map((name) => `${name}: ${"z".repeat(250)}`);
const load = {
  fields,
  port: PORT,
  path: `/ping/${"x".repeat(500)}?${"y".repeat(500)}`,
  keepAlive: 8,
  oneRequest: 0,
  pauseMs: 0,
};

test("while the journal stands still every request is answered as fast as before, and it is told what it missed", {
  skip: labMissing,
}, async (context) => {
  const machine = await Machine.boot();
  // The journal takes 10,000 lines in 30 s if not told otherwise, and the line that counts the lost ones may be the next.
  const properties = ["--property=LogRateLimitBurst=1000000", "--property=MemoryAccounting=yes"];
  await machine.copyIn(await pack(ROUTES, TARGET), "/usr/local/bin/logged", "0755");
  await machine.must("systemd-run", "--unit=logged", ...properties, "/usr/local/bin/logged");
  const unit = new Unit(machine, "logged.service");
  await unit.untilSays(/listening on/);

  // As many as the journal can tell at once, whatever the machine's speed: 4 kB each.
  const before = await startLoad(machine, load);
  while ((await before.look()).requests < USUAL_REQUESTS) await sleep(20);
  const usual = await before.stop();
  const journald = await new Unit(machine, "systemd-journald.service").mainPidOnHost();
  const usualBytes = await memoryOf(unit);
  process.kill(journald, "SIGSTOP");
  const during = await startLoad(machine, load);
  while ((await during.look()).requests < REQUESTS) await sleep(200);
  const { requests, failed, p99Ms, maxMs } = await during.stop();
  const unreadBytes = (await memoryOf(unit)) - usualBytes;
  process.kill(journald, "SIGCONT");
  assert.equal(failed, 0);
  assert.ok(maxMs < 1000, `a request took ${maxMs} ms`);
  assert.ok(unreadBytes < JOURNAL_BYTES + NOISE_BYTES, `${unreadBytes} bytes of the kernel's`);

  await unit.untilSays(/(\d+) log lines lost/);
  const journal = await unit.journal();
  const lost = Number(/(\d+) log lines lost/.exec(journal)![1]);
  assert.ok(lost > requests / 10, `${lost} of ${requests} lost`);
  const refused = await startLoad(machine, { ...load, path: "/none", status: 404, keepAlive: 1 });
  await refused.stop();
  await unit.untilSays(/GET localhost\/none 404 /);
  const warnings = await machine.must("journalctl", "--no-pager", "--unit=logged", "--priority=4", "--output=cat");
  for (const line of warnings.trim().split("\n")) assert.match(line, /^GET localhost\/none 404 /);
  context.diagnostic(
    `${requests} requests, p99 ${p99Ms.toFixed(1)} ms, ${lost} lines lost; before, ${usual.requests} with p99 ${usual.p99Ms.toFixed(1)} ms`,
  );
});

async function memoryOf({ machine, name }: Unit): Promise<number> {
  return Number(await machine.must("systemctl", "show", name, "--property=MemoryCurrent", "--value"));
}
