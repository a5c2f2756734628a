/** One run's results: the JSON file, and the table that is printed. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Effort, Memory, Outcome, Ratios } from "./measure.ts";
import { CALLS_PER_REQUEST_MAX, type Calls, sumCalls } from "./syscalls.ts";

export interface Results {
  readonly machine: { readonly processor: string; readonly kernel: string; readonly cores: number };
  readonly versions: Readonly<Record<string, string>>;
  readonly effort: Effort;
  /** By name of scenario. */
  readonly scenarios: Readonly<Record<string, Outcome>>;
  /** By program, as are those below. Anonymous pages; loaded is after the first scenario, 64 connections. */
  readonly memory: Readonly<Record<string, Memory>>;
  /** Milliseconds from exec to the first answer, median. */
  readonly startMs: Readonly<Record<string, number>>;
  /** Calls per request, small GET at 64 connections. */
  readonly syscalls: Readonly<Record<string, Calls>>;
}

const DIR = join(import.meta.dirname, "results");
export const LATEST = join(DIR, "latest.json");
export const BASELINE = join(DIR, "baseline.json");
export const PLOT = join(DIR, "latest.svg");

export function readResults(path: string): Results {
  return JSON.parse(readFileSync(path, "utf8")) as Results;
}

/** Four significant digits: no figure here is better known, and differences between runs stay readable. */
export function writeResults(path: string, results: Results): void {
  const round = (_: string, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(4)) : value);
  mkdirSync(DIR, { recursive: true });
  writeFileSync(path, `${JSON.stringify(results, round, 2)}\n`);
}

export function renderResults(results: Results): string {
  const { machine, versions, effort } = results;
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${machine.processor}, ${machine.cores} cores, Linux ${machine.kernel}; ${named.join(", ")}`,
    `one core each, ${effort.rounds} interleaved rounds of ${effort.seconds} s, medians; ratios formed within each round`,
    "",
    ...renderScenarios(results.scenarios),
    ...renderMemory(results.memory),
    ...renderStarts(results.startMs),
    ...renderCalls(results.syscalls),
    ...renderDoubt(results.scenarios),
  ].join("\n");
}

/** More than this, and other work took part in what was measured: its cache misses are in the figures. */
const WAITED_SHARE_MAX = 0.03;

function findWaitedShare(scenarios: Results["scenarios"]): number {
  const shares = Object.values(scenarios).flatMap(({ programs }) => Object.values(programs).map((p) => p.waitedShare));
  return Math.max(0, ...shares);
}

function renderDoubt(scenarios: Results["scenarios"]): string[] {
  const share = findWaitedShare(scenarios);
  if (share <= WAITED_SHARE_MAX) return [];
  const percent = (share * 100).toFixed(0);
  return [
    "",
    `The machine was not quiet: a proxy waited up to ${percent} % of the time for its core. Repeat it before use.`,
  ];
}

function renderScenarios(scenarios: Results["scenarios"]): string[] {
  const lines: string[][] = [["", "CPU µs/request", "", "CPU ratio", "requests/s ratio", "p50 ratio", "p99 ratio"]];
  for (const { title, programs, ratios } of Object.values(scenarios)) {
    const absolute = Object.entries(programs).map(([name, p]) => `${name} ${p.cpuUsPerRequest.toPrecision(3)}`);
    Object.entries(ratios).forEach(([name, ratio], i) => {
      lines.push([i === 0 ? title : "", i === 0 ? absolute.join(", ") : "", name, ...renderRatios(ratio)]);
    });
  }
  return lines.length > 1 ? [...align(lines), ""] : [];
}

function renderRatios({ cpu, throughput, p50, p99, cpuRounds }: Ratios): string[] {
  const range = `${Math.min(...cpuRounds).toFixed(2)}–${Math.max(...cpuRounds).toFixed(2)}`;
  return [`${cpu.toFixed(2)} (${range})`, throughput.toFixed(2), p50.toFixed(2), p99.toFixed(2)];
}

function renderMemory(memory: Results["memory"]): string[] {
  const lines = Object.entries(memory).map(([name, { idleKb, loadedKb }]) => [name, mb(idleKb), mb(loadedKb)]);
  return lines.length > 0 ? [...align([["private memory", "idle", "after load"], ...lines]), ""] : [];
}

function mb(kb: number): string {
  return `${(kb / 1000).toFixed(1)} MB`;
}

function renderStarts(startMs: Results["startMs"]): string[] {
  const lines = Object.entries(startMs).map(([name, ms]) => [name, `${ms.toFixed(1)} ms`]);
  return lines.length > 0 ? [...align([["exec to first answer", ""], ...lines]), ""] : [];
}

function renderCalls(syscalls: Results["syscalls"]): string[] {
  const lines = Object.entries(syscalls).map(([name, calls]) => [
    name,
    sumCalls(calls).toFixed(2),
    Object.entries(calls)
      .map(([call, each]) => `${call} ${each.toFixed(2)}`)
      .join(", "),
  ]);
  if (lines.length === 0) return [];
  return align([["system calls/request", "all", `hardwire must not exceed ${CALLS_PER_REQUEST_MAX}`], ...lines]);
}

function align(lines: readonly (readonly string[])[]): string[] {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
}
