/**
 * Logging at the highest rate there is, to a journal that has stopped: answers of the gateway's own, every one of them
 * logged, beside the same without a log. Then somebody reads on, and the lines written and those dropped have to be as
 * many as the requests. Exit code 1 if they are not.
 *
 *   node bench/blocked-log.ts [rounds] [seconds]
 */
import { setTimeout as sleep } from "node:timers/promises";
import { withBuilds } from "./builds.ts";
import type { Load } from "./load.ts";
import { type Program, runScenario } from "./measure.ts";
import { findFreePorts } from "./ready.ts";
import { makeRunDir } from "./run-dir.ts";
import { showOutcome } from "./show-outcome.ts";

const LOAD: Load = { method: "GET", paths: ["/fixed"], connections: 64, bodyBytes: 0 };
const OFF = "fixed-off";
const UNREAD = "fixed-logs-unread";
const LOG = { sample: { success: "100%" }, budget: "1000GiB/h" };
/** Until the last lines have left: a tick of the clock, and some. */
const DRAIN_MS = 1000;

const [rounds = 5, seconds = 2] = process.argv.slice(2).map(Number);
const dir = makeRunDir();
const [originPort = 0, offPort = 0, offAdmin = 0, port = 0, adminPort = 0] = await findFreePorts(5);
const setup = { routeCount: 1, pipelining: 1, hasFixed: true };
// Both count, since what is logged is held against what is counted.
const off = { ...setup, observability: { adminPort: offAdmin, keys: { metrics: {} } } };
const on = { ...setup, isUnread: true, observability: { adminPort, keys: { metrics: {}, access_log: LOG } } };
const builds = { [OFF]: { port: offPort, setup: off }, [UNREAD]: { port, setup: on } };
process.exitCode = await withBuilds(dir, originPort, builds, compare);

async function compare(programs: ReadonlyMap<string, Program>): Promise<number> {
  const scenario = {
    name: "blocked-log",
    title: "GET 55 B answered by the gateway, 64 connections",
    loads: { [OFF]: LOAD, [UNREAD]: LOAD },
    ratios: [[UNREAD, OFF] as const],
  };
  const outcome = await runScenario(scenario, programs, dir, { rounds, seconds });
  console.log(`${scenario.title}, ${rounds} rounds of ${seconds} s in turn, CPU per request:`);
  showOutcome(outcome);
  const isBlocked = (await countLines(adminPort)).dropped > 0;
  programs.get(UNREAD)!.running.read();
  await sleep(DRAIN_MS);
  const { requests, written, dropped } = await countLines(adminPort);
  console.log(`  ${requests} requests logged, ${written} lines written and ${dropped} dropped`);
  return isBlocked && requests === written + dropped ? 0 : 1;
}

async function countLines(adminPort: number): Promise<{ requests: number; written: number; dropped: number }> {
  const page = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const sumOf = (name: string) =>
    [...page.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)$`, "gm"))].reduce((sum, [, n]) => sum + Number(n), 0);
  const [written, dropped] = ["gateway_log_lines_total", "gateway_log_lines_dropped_total"].map(sumOf);
  return { requests: sumOf("http_requests_total"), written: written!, dropped: dropped! };
}
