/** Builds of hardwire that are compared with each other, all of them before one origin. */
import { execFileSync } from "node:child_process";
import { buildGateway, type Setup } from "./gateway.ts";
import { type Program, startProgram } from "./measure.ts";
import { prepareOrigin } from "./peers.ts";
import { LOAD_CORE } from "./processes.ts";

export interface Build {
  readonly port: number;
  readonly setup: Setup;
}

/** Builds and starts all of them, by name, and stops them after `work`, whose result it returns. */
export async function withBuilds<Result>(
  dir: string,
  originPort: number,
  builds: Readonly<Record<string, Build>>,
  work: (programs: ReadonlyMap<string, Program>) => Promise<Result>,
): Promise<Result> {
  const prepared = await Promise.all(
    Object.entries(builds).map(
      async ([name, { port, setup }]) => [name, await buildGateway(dir, name, port, originPort, setup)] as const,
    ),
  );
  // What drives them shares its core.
  execFileSync("taskset", ["-a", "-c", "-p", String(LOAD_CORE), String(process.pid)], { stdio: "ignore" });
  const origin = await startProgram(prepareOrigin(dir, originPort));
  const programs = new Map<string, Program>();
  try {
    for (const [name, one] of prepared) programs.set(name, await startProgram(one));
    return await work(programs);
  } finally {
    for (const { running } of [...programs.values(), origin]) await running.stop();
  }
}
