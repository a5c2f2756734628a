/**
 * The bench's command, started by `make bench` and its sisters (bench.mk):
 *
 *   node bench/run.ts full|quick|syscalls|start|gate
 *
 * Exit code 1 if a limit is not kept: system calls per request, or the gate's.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, cpus, release } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { judge } from "./gate.ts";
import { buildGateway, type Setup } from "./gateway.ts";
import {
  type Effort,
  type Memory,
  measureStarts,
  type Outcome,
  type Program,
  readMemory,
  runScenario,
  startProgram,
} from "./measure.ts";
import { type Prepared, prepareHaproxy, prepareNginxProxy, prepareOrigin, readVersions } from "./peers.ts";
import { drawPlot } from "./plot.ts";
import { LOAD_CORE } from "./processes.ts";
import { findFreePorts } from "./ready.ts";
import { BASELINE, LATEST, PLOT, type Results, readResults, renderResults, writeResults } from "./results.ts";
import { makeRunDir } from "./run-dir.ts";
import { FEW_ROUTES, MANY_ROUTES, PEERS, PIPELINED, PIPELINING, QUICK, SCENARIOS } from "./scenarios.ts";
import { CALLS_PER_REQUEST_MAX, type Calls, countCalls, sumCalls } from "./syscalls.ts";

interface Mode extends Effort {
  /** Names of scenarios; the first, if any, is get-64. */
  readonly scenarios: readonly string[];
  readonly programs: readonly string[];
  readonly measuresStarts: boolean;
  /** Seconds under strace; 0 for not at all. */
  readonly straceSeconds: number;
}

const ALL = SCENARIOS.map(({ name }) => name);
const MODES: Readonly<Record<string, Mode>> = {
  full: {
    scenarios: ALL,
    programs: [...PEERS, PIPELINED, "hardwire-few", "hardwire-many"],
    rounds: 7,
    seconds: 2,
    measuresStarts: true,
    straceSeconds: 3,
  },
  quick: {
    scenarios: QUICK,
    programs: [...PEERS, PIPELINED],
    rounds: 5,
    seconds: 1,
    measuresStarts: true,
    straceSeconds: 1,
  },
  syscalls: { scenarios: [], programs: PEERS, rounds: 0, seconds: 0, measuresStarts: false, straceSeconds: 3 },
  start: { scenarios: [], programs: PEERS, rounds: 0, seconds: 0, measuresStarts: true, straceSeconds: 0 },
  gate: {
    scenarios: QUICK,
    programs: [...PEERS, PIPELINED],
    rounds: 7,
    seconds: 2,
    measuresStarts: false,
    straceSeconds: 0,
  },
};

const SETUPS: Readonly<Record<string, Setup>> = {
  hardwire: { routeCount: 1, pipelining: 1 },
  [PIPELINED]: { routeCount: 1, pipelining: PIPELINING },
  "hardwire-few": { routeCount: FEW_ROUTES, pipelining: 1 },
  "hardwire-many": { routeCount: MANY_ROUTES, pipelining: 1 },
};

async function main(command: string): Promise<number> {
  if (command === "gate" && !existsSync(BASELINE)) {
    console.error(`there is no ${BASELINE} to compare with; save one: make bench bench-baseline, on a quiet machine`);
    return 66;
  }
  const mode = MODES[command];
  if (mode === undefined) {
    console.error(`usage: node bench/run.ts ${Object.keys(MODES).join("|")}`);
    return 64;
  }
  if (availableParallelism() < 2) throw new Error("two cores are needed: one for the proxy, one for what drives it");
  const dir = makeRunDir();
  const running: Program[] = [];
  try {
    return await measure(command, mode, dir, running);
  } finally {
    for (const program of running) await program.running.stop();
  }
}

async function measure(command: string, mode: Mode, dir: string, running: Program[]): Promise<number> {
  const prepared = await prepare(mode.programs, dir);
  // From here on this program is a part of the load.
  execFileSync("taskset", ["-a", "-c", "-p", String(LOAD_CORE), String(process.pid)], { stdio: "ignore" });
  const origin = await startProgram(prepared.get("origin")!);
  running.push(origin);
  const proxies = new Map([...prepared].filter(([name]) => name !== "origin"));

  const peers = new Map([...proxies].filter(([name]) => PEERS.some((peer) => peer === name)));
  const startMs = mode.measuresStarts ? await measureStarts(peers) : {};

  const programs = new Map<string, Program>();
  for (const [name, one] of proxies) {
    const program = await startProgram(one);
    running.push(program);
    programs.set(name, program);
  }
  const scenarios: Record<string, Outcome> = {};
  const memory: Record<string, Memory> = {};
  await sleep(SETTLE_MS);
  const idle = readMemory(programs);
  for (const scenario of SCENARIOS.filter(({ name }) => mode.scenarios.includes(name))) {
    say(scenario.title);
    scenarios[scenario.name] = await runScenario(scenario, programs, dir, mode);
    if (scenario === SCENARIOS[0]) {
      const loaded = readMemory(programs);
      for (const name of peers.keys()) memory[name] = { idleKb: idle.get(name)!, loadedKb: loaded.get(name)! };
    }
  }
  const syscalls: Record<string, Calls> = {};
  if (mode.straceSeconds > 0) {
    say("system calls");
    for (const name of peers.keys()) {
      const { running: one, port } = programs.get(name)!;
      const load = SCENARIOS[0]!.loads[name]!;
      syscalls[name] = await countCalls(one.pid, port, origin.port, load, dir, mode.straceSeconds);
    }
  }
  return conclude(command, {
    machine: {
      processor: cpus()[0]?.model ?? "unknown",
      kernel: release(),
      cores: cpus().length,
    },
    versions: { ...readVersions(), hardwire: readVersion() },
    effort: { rounds: mode.rounds, seconds: mode.seconds },
    scenarios,
    memory,
    startMs,
    syscalls,
  });
}

/** After the start, before idle memory is read. */
const SETTLE_MS = 1000;

async function prepare(names: readonly string[], dir: string): Promise<Map<string, Prepared>> {
  const [originPort = 0, ...ports] = await findFreePorts(names.length + 1);
  const prepared = new Map([["origin", prepareOrigin(dir, originPort)]]);
  for (const [i, name] of names.entries()) {
    const port = ports[i]!;
    if (name === "nginx") prepared.set(name, prepareNginxProxy(dir, port, originPort));
    else if (name === "haproxy") prepared.set(name, prepareHaproxy(dir, port, originPort));
    else {
      say(`building ${name}`);
      prepared.set(name, await buildGateway(dir, name, port, originPort, SETUPS[name]!));
    }
  }
  return prepared;
}

function conclude(command: string, results: Results): number {
  console.log(`\n${renderResults(results)}`);
  let exitCode = 0;
  if (command === "full") {
    writeResults(LATEST, results);
    drawPlot(PLOT, results);
  }
  const calls = results.syscalls.hardwire;
  if (calls !== undefined && sumCalls(calls) > CALLS_PER_REQUEST_MAX) {
    console.error(`hardwire makes more than ${CALLS_PER_REQUEST_MAX} system calls a request`);
    exitCode = 1;
  }
  if (command === "gate") {
    const { passes, lines } = judge(readResults(BASELINE), results);
    console.log(`\n${lines.join("\n")}`);
    if (!passes) exitCode = 1;
  }
  return exitCode;
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8"));
  return version;
}

function say(line: string): void {
  console.error(`bench: ${line}`);
}

process.exitCode = await main(process.argv[2] ?? "");
