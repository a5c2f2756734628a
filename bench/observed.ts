/**
 * What observing costs: one routes file built without it, with metrics, with ids, and with metrics and sampled logs,
 * under the same load in turn; and with every request logged for a journal that has stopped reading, whose latency tells
 * whether it holds up any. Exit code 1 if CPU per request is more than 1.10 times that of the first.
 *
 *   node bench/observed.ts [rounds] [seconds]
 */
import { type Build, withBuilds } from "./builds.ts";
import type { Load } from "./load.ts";
import { runScenario } from "./measure.ts";
import { findFreePorts } from "./ready.ts";
import { makeRunDir } from "./run-dir.ts";
import { showOutcome } from "./show-outcome.ts";

const RATIO_MAX = 1.1;
const SMALL_GET: Load = { method: "GET", paths: ["/small"], connections: 64, bodyBytes: 0 };
const OFF = "off";
const UNREAD = "logs-unread";
/** The keys of `observability`. */
const OBSERVED: Readonly<Record<string, object>> = {
  metrics: { metrics: {} },
  ids: { request_id: {}, trace: { propagate: "w3c" } },
  // Sampled as it comes, a tenth of such requests; each line is written, whereas its budget would soon end that.
  "metrics-and-logs": { metrics: {}, access_log: { budget: "100GiB/h" } },
  [UNREAD]: { access_log: { sample: { success: "100%" }, budget: "100GiB/h" } },
};

const [rounds = 9, seconds = 2] = process.argv.slice(2).map(Number);
const names = [OFF, ...Object.keys(OBSERVED)];
const dir = makeRunDir();
const [originPort = 0, ...ports] = await findFreePorts(1 + 2 * names.length);
const builds = names.map((name, i): [string, Build] => {
  const [port = 0, adminPort = 0] = ports.slice(2 * i);
  const keys = OBSERVED[name];
  const observability = keys && { observability: { adminPort, keys } };
  return [name, { port, setup: { routeCount: 1, pipelining: 1, isUnread: name === UNREAD, ...observability } }];
});
const scenario = {
  name: "observed",
  title: "GET 55 B, 64 connections",
  loads: Object.fromEntries(names.map((name) => [name, SMALL_GET])),
  ratios: Object.keys(OBSERVED).map((name) => [name, OFF] as const),
};
const outcome = await withBuilds(dir, originPort, Object.fromEntries(builds), (programs) =>
  runScenario(scenario, programs, dir, { rounds, seconds }),
);
console.log(`${scenario.title}, ${rounds} rounds of ${seconds} s in turn, CPU per request; at most ${RATIO_MAX}:`);
showOutcome(outcome);
const worst = Math.max(...Object.values(outcome.ratios).map(({ cpu }) => cpu));
process.exitCode = worst > RATIO_MAX ? 1 : 0;
