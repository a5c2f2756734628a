/** System calls per request, counted by strace over a few seconds of the small-GET load. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { drive, type Load, writeScript } from "./load.ts";
import { readOriginRequests } from "./peers.ts";
import { family } from "./processes.ts";

/**
 * Two reads and two writes, and some room: a wait for events is shared by all that are ready, so it counts as a
 * fraction. A design that needs a fifth call for a request is over it.
 */
export const CALLS_PER_REQUEST_MAX = 4.4;

/** Names of system calls, most frequent first, with how often a request makes them. */
export type Calls = Readonly<Record<string, number>>;

/** A second before and after are left out: connections are opened and closed there. */
const MARGIN_SECONDS = 1;

export async function countCalls(
  pid: number,
  port: number,
  originPort: number,
  load: Load,
  dir: string,
  seconds: number,
): Promise<Calls> {
  const file = join(dir, "strace");
  const driven = drive(pid, port, load, writeScript(dir, "strace", load), seconds + 2 * MARGIN_SECONDS);
  await sleep(MARGIN_SECONDS * 1000);
  const pids = family(pid).flatMap((member) => ["-p", String(member)]);
  const strace = spawn("strace", ["-f", "-c", "-U", "calls,name", "-o", file, ...pids], { stdio: "ignore" });
  const exited = once(strace, "exit");
  while (!family(pid).every(isTraced)) {
    if (strace.exitCode !== null) throw new Error(`strace cannot attach to ${pid}: is ptrace permitted here?`);
    await sleep(5);
  }
  const before = await readOriginRequests(originPort);
  await sleep(seconds * 1000);
  const requests = (await readOriginRequests(originPort)) - before;
  strace.kill("SIGINT");
  await exited;
  await driven;
  const lines = [...readFileSync(file, "utf8").matchAll(/^ *(\d+) (\w+)$/gm)];
  return Object.fromEntries(
    lines
      .filter(([, , name]) => name !== "total")
      .map(([, calls, name]) => [name!, Number(calls) / requests] as const)
      .filter(([, each]) => each >= 0.005)
      .sort((a, b) => b[1] - a[1]),
  );
}

export function sumCalls(calls: Calls): number {
  return Object.values(calls).reduce((sum, each) => sum + each, 0);
}

function isTraced(pid: number): boolean {
  return !/^TracerPid:\s+0$/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}
