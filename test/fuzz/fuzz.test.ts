/**
 * A mutation fuzzer against the packed binary: hundreds of clients, an origin that misbehaves, and these invariants:
 * the process never dies or hangs, the origin never sees a request that no client has sent, every answer is the one
 * that the origin gave to this very request, descriptors and memory come back, and SIGTERM ends it with 0.
 *
 * `SEED=… REQUESTS=… ` repeat or lengthen a run; every request's and answer's bytes follow from the seed alone.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { after, test } from "node:test";
import { waitedMs } from "../harness/waited.ts";
import { ask, device, get, hostTarget, ports } from "../harness.ts";
import { FuzzOrigin } from "./fuzz-origin.ts";
import { Lane } from "./lane.ts";
import { Report } from "./report.ts";

const REQUESTS = Number(process.env.REQUESTS || 20_000);
const SEED = Number(process.env.SEED || Math.floor(Math.random() * 2 ** 31));
const LANES = 200;
const CANARY_EVERY_MS = 100;
const CANARY_MS_MAX = 1000;
/** Connected, accepted by the origin, read by it, answer read. */
const CANARY_TURNS = 4;
const PROGRESS_EVERY_MS = 10_000;
/** The first share of the requests warms up: compiled code, pools and heap as large as they get. */
const WARM_SHARE = 0.3;
const WARM_MS = 1000;
/** Beyond that, what the storm may leave behind; V8 is still compiling after the short form's first share. */
const MEMORY_GROWTH_BYTES_MAX = 8 << 20;
/** uWebSockets.js keeps a connection that it has stopped reading for 10 s. */
const SETTLE_MS = 13_000;

const endpoints = [ports.origin, ports.secondOrigin].map((port) => ({ url: `http://127.0.0.1:${port}` }));
const ROUTES = {
  version: 1,
  name: "fuzz",
  defaults: {
    // Longer than a busy machine keeps anyone waiting, shorter than CLEAN_WAIT_MS of a lane.
    timeouts: { connect: "12s", queue: "12s", response_header: "12s", request: "40s", idle: "12s" },
    limits: { body: "64KiB" },
  },
  upstreams: {
    wide: { endpoints, connections: { idle_timeout: "1s" } },
    deep: { endpoints, connections: { max: 4, idle_timeout: "1s" }, pipelining: 16 },
    narrow: { endpoints, connections: { max: 4, max_idle: 2, idle_timeout: "1s" } },
  },
  routes: [
    { name: "fuzz", match: { path: "/fuzz/*" }, upstream: "wide" },
    { name: "narrow", match: { path: "/narrow/*" }, upstream: "narrow" },
    { name: "deep", match: { path: "/deep/*" }, upstream: "deep" },
    { name: "canary", match: { path: "/canary" }, upstream: "wide" },
  ],
};

const report = new Report(SEED);
let requests = 0;
let requestsWanted = Math.floor(REQUESTS * WARM_SHARE);
const lanes = Array.from({ length: LANES }, (_, lane) => {
  let next = lane;
  return new Lane(lane, ports.device, report, () => {
    if (next >= requestsWanted) return undefined;
    const number = next;
    next += LANES;
    requests += 1;
    return number;
  });
});
const byAddress = new Map(lanes.map((lane) => [lane.address, lane.recent]));
for (const port of [ports.origin, ports.secondOrigin]) {
  const origin = new FuzzOrigin(report, (address) => byAddress.get(address));
  await origin.listen(port);
  after(() => origin.close());
}
const gateway = await device(ROUTES, hostTarget());

// Node.js 24.21 may spin for ever in closing what is left of thousands of sockets (node::Environment::CleanupHandles);
// leaving from the last exit handler passes that over, with the exit code as it is.
process.on("exit", (code) => process.exit(code));

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function openFiles(): number {
  return readdirSync(`/proc/${gateway.child.pid}/fd`).length;
}

function gatewayWaitedMs(): number {
  return waitedMs(gateway.child.pid!);
}

/** A well-formed request on a connection of its own, again and again. */
async function runCanary(running: () => boolean): Promise<void> {
  const delay = monitorEventLoopDelay();
  delay.enable();
  while (running()) {
    delay.reset();
    const begun = performance.now() - gatewayWaitedMs();
    let problem = "";
    try {
      const answer = await ask(ports.device, get("/canary"));
      if (answer.status !== 200) problem = String(answer.status);
    } catch (error) {
      problem = (error as Error).message;
    }
    const tookMs = performance.now() - gatewayWaitedMs() - begun;
    report.canaryMsMax = Math.max(report.canaryMsMax, tookMs);
    // Clients and origin share this process, and a request takes some turns of its event loop, each of which may be late.
    if (tookMs > CANARY_MS_MAX + (CANARY_TURNS * delay.max) / 1e6) problem ||= `${Math.round(tookMs)} ms`;
    if (problem !== "") report.violation(`a well-formed request: ${problem}`, { stderr: gateway.stderr });
    report.count("canaries");
    await sleep(CANARY_EVERY_MS);
  }
  delay.disable();
}

test(`${REQUESTS} fuzzed requests, SEED=${SEED}`, { timeout: 3_600_000 }, async () => {
  const begun = performance.now();
  const idleFiles = openFiles();
  let warmBytes = 0;
  let running = true;
  let died = "";
  void gateway.exited.then(({ code, signal }) => {
    if (running) died = `the gateway died: ${code ?? signal}: ${gateway.stderr}`;
    if (died !== "") report.violation(died, {});
  });
  const canary = runCanary(() => running);
  const progress = setInterval(() => {
    const seconds = Math.round((performance.now() - begun) / 1000);
    const privateMb = died === "" ? Math.round(gateway.privateBytes() / 1e6) : 0;
    console.log(
      `${seconds} s: ${requests} requests, ${report.of("origin: fuzzed answers")} fuzzed answers, ${privateMb} MB`,
    );
  }, PROGRESS_EVERY_MS);
  try {
    await Promise.all(lanes.map((lane) => lane.run()));
    await sleep(WARM_MS);
    if (!report.failed) warmBytes = gateway.privateBytes();
    requestsWanted = REQUESTS;
    await Promise.all(lanes.map((lane) => lane.run()));
  } finally {
    running = false;
    clearInterval(progress);
    await canary;
  }
  const seconds = (performance.now() - begun) / 1000;
  console.log(
    `SEED=${SEED}: ${requests} requests in ${seconds.toFixed(1)} s, slowest canary ${report.canaryMsMax.toFixed(0)} ms`,
  );
  console.log(report.text());
  assert.deepEqual(report.violations, []);

  // Everything has its turn: a run that reached nothing proves nothing.
  assert.ok(report.of("origin: requests") > REQUESTS / 4, "few requests reached the origin");
  assert.ok(report.of("origin: fuzzed answers") > REQUESTS / 10, "few answers were fuzzed");
  assert.ok(report.of("client: answers passed on") > REQUESTS / 8, "few answers came through");

  const settledBy = performance.now() + SETTLE_MS;
  while (openFiles() > idleFiles + 2 && performance.now() < settledBy) await sleep(100);
  const grownBytes = gateway.privateBytes() - warmBytes;
  console.log(`descriptors: ${idleFiles} before, ${openFiles()} after; private memory grew by ${grownBytes >> 10} KiB`);
  assert.ok(openFiles() <= idleFiles + 2, `${openFiles()} descriptors are open, ${idleFiles} before`);
  assert.ok(grownBytes <= MEMORY_GROWTH_BYTES_MAX, `private memory grew by ${grownBytes} bytes`);
});
