/** Programs of this folder, run by the host's Node.js within a machine's network. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { atEnd } from "../harness/at-end.ts";
import type { Machine } from "./machine.ts";
import type { Load, Seen } from "./programs/load.ts";

/** Listens until the machine or the test ends. */
export async function startOrigin(machine: Machine, port: number): Promise<void> {
  await start(machine, "origin.ts", String(port));
}

export class RunningLoad {
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** What came of its requests so far. */
  look(): Promise<Seen> {
    return this.#ask("look");
  }

  /** Lets the requests in flight end. */
  async stop(): Promise<Seen> {
    const seen = await this.#ask("stop");
    this.#child.disconnect();
    return seen;
  }

  async #ask(question: string): Promise<Seen> {
    const answered = once(this.#child, "message");
    this.#child.send(question);
    return (await answered)[0] as Seen;
  }
}

export async function startLoad(machine: Machine, load: Load): Promise<RunningLoad> {
  return new RunningLoad(await start(machine, "load.ts", JSON.stringify(load)));
}

/** Returns once it says that it is ready. */
async function start(machine: Machine, program: string, argument: string): Promise<ChildProcess> {
  const file = fileURLToPath(new URL(`programs/${program}`, import.meta.url));
  const network = `--net=/proc/${machine.init}/ns/net`;
  const child = spawn("/usr/bin/nsenter", [network, "--", process.execPath, file, argument], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  atEnd(() => child.kill("SIGKILL"));
  const ended = once(child, "exit").then(() => {
    throw new Error(`${program} ended before it was ready`);
  });
  await Promise.race([once(child, "message"), ended]);
  ended.catch(() => {});
  return child;
}
