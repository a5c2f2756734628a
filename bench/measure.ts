/**
 * The measuring itself: programs take turns, A B C A B C, so that whatever else the machine does hits all of them
 * alike; a ratio is formed within each round and the median taken over the rounds.
 */
import { drive, type Sample, writeScript } from "./load.ts";
import type { Prepared } from "./peers.ts";
import { type Running, readPrivateKb } from "./processes.ts";
import { waitReady } from "./ready.ts";
import type { Scenario } from "./scenarios.ts";
import { median } from "./statistics.ts";

export interface Program extends Prepared {
  readonly running: Running;
}

export interface Memory {
  readonly idleKb: number;
  loadedKb: number;
}

/** A scenario's outcome, as it stands in the JSON. */
export interface Outcome {
  readonly title: string;
  /** Medians over the rounds, by program. */
  readonly programs: Readonly<Record<string, Omit<Sample, "requests">>>;
  /** By "hardwire/nginx" and the like. */
  readonly ratios: Readonly<Record<string, Ratios>>;
}

export interface Ratios {
  /** CPU time per request of each round: the primary figure, with what its noise is seen from. */
  readonly cpuRounds: readonly number[];
  /** Medians of the rounds' ratios. */
  readonly cpu: number;
  readonly throughput: number;
  readonly p50: number;
  readonly p99: number;
}

export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
}

const WARM_SECONDS = 2;

export async function runScenario(
  scenario: Scenario,
  programs: ReadonlyMap<string, Program>,
  dir: string,
  { rounds, seconds }: Effort,
): Promise<Outcome> {
  const runs = Object.entries(scenario.loads).map(([name, load]) => {
    const { port, running } = programs.get(name)!;
    const script = writeScript(dir, `${scenario.name}-${name}`, load);
    return { name, run: (s: number) => drive(running.pid, port, load, script, s), samples: [] as Sample[] };
  });
  // Connections open, code compiled; all at once, since nothing is measured.
  await Promise.all(runs.map(({ run }) => run(WARM_SECONDS)));
  for (let round = 0; round < rounds; round++) {
    for (const { run, samples } of runs) samples.push(await run(seconds));
  }
  const samplesOf = new Map(runs.map(({ name, samples }) => [name, samples]));
  return {
    title: scenario.title,
    programs: Object.fromEntries(runs.map(({ name, samples }) => [name, summarise(samples)])),
    ratios: Object.fromEntries(
      scenario.ratios.map(([a, b]) => [`${a}/${b}`, relate(samplesOf.get(a)!, samplesOf.get(b)!)]),
    ),
  };
}

function summarise(samples: readonly Sample[]): Omit<Sample, "requests"> {
  return {
    cpuUsPerRequest: median(samples.map((sample) => sample.cpuUsPerRequest)),
    waitedShare: median(samples.map((sample) => sample.waitedShare)),
    requestsPerSecond: median(samples.map((sample) => sample.requestsPerSecond)),
    p50Us: median(samples.map((sample) => sample.p50Us)),
    p99Us: median(samples.map((sample) => sample.p99Us)),
  };
}

function relate(a: readonly Sample[], b: readonly Sample[]): Ratios {
  const each = (figure: (sample: Sample) => number) => a.map((sample, round) => figure(sample) / figure(b[round]!));
  const cpuRounds = each((sample) => sample.cpuUsPerRequest);
  return {
    cpuRounds,
    cpu: median(cpuRounds),
    throughput: median(each((sample) => sample.requestsPerSecond)),
    p50: median(each((sample) => sample.p50Us)),
    p99: median(each((sample) => sample.p99Us)),
  };
}

export async function startProgram(prepared: Prepared): Promise<Program> {
  const running = prepared.start();
  await waitReady(prepared.port, READY_PATH, performance.now());
  return { ...prepared, running };
}

/** A path that every program forwards, one with generated routes too. */
const READY_PATH = "/api/v1/service-0/status";

const STARTS = 10;

/** From exec to the first answer, with an empty environment; median of ten, the programs in turn. */
export async function measureStarts(prepared: ReadonlyMap<string, Prepared>): Promise<Record<string, number>> {
  const startMs = new Map([...prepared.keys()].map((name) => [name, [] as number[]]));
  for (let i = 0; i < STARTS; i++) {
    for (const [name, { port, start }] of prepared) {
      const startedMs = performance.now();
      const running = start({});
      startMs.get(name)!.push(await waitReady(port, READY_PATH, startedMs));
      await running.stop();
    }
  }
  return Object.fromEntries([...startMs].map(([name, ms]) => [name, median(ms)]));
}

export function readMemory(programs: ReadonlyMap<string, Program>): Map<string, number> {
  return new Map([...programs].map(([name, { running }]) => [name, readPrivateKb(running.pid)]));
}
