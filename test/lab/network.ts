/** Programs of this folder, run by the host's Node.js within a machine's network. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { atEnd } from "../harness/at-end.ts";
import type { Machine } from "./machine.ts";
import type { Attacked } from "./programs/attack.ts";
import type { Load, Seen } from "./programs/load.ts";

/** Runs a program of the host in a machine's network; returns what it said. */
export async function inNetwork(machine: Machine, ...command: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("/usr/bin/nsenter", [networkOf(machine), "--", ...command]);
  return stdout;
}

function networkOf(machine: Machine): string {
  return `--net=/proc/${machine.init}/ns/net`;
}

/** Listens until it is stopped, or the machine or the test ends. */
export async function startOrigin(machine: Machine, port: number, delayMs = 0): Promise<{ stop: () => Promise<void> }> {
  const child = await start(machine, "origin.ts", [port, delayMs].join());
  return {
    stop: async () => {
      child.disconnect();
      await once(child, "exit");
    },
  };
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
    this.#child.send(question);
    return (await answerOf(this.#child)) as Seen;
  }
}

export async function startLoad(machine: Machine, load: Load): Promise<RunningLoad> {
  return new RunningLoad(await start(machine, "load.ts", JSON.stringify(load)));
}

/** Attacks the gateway for that long, then tells what came of it. */
export async function attack(machine: Machine, port: number, originPort: number, attackMs: number): Promise<Attacked> {
  const child = await start(machine, "attack.ts", [port, originPort, attackMs].join());
  return (await answerOf(child)) as Attacked;
}

/** The next message of a program that is to live until then. */
async function answerOf(child: ChildProcess): Promise<unknown> {
  const controller = new AbortController();
  const { signal } = controller;
  try {
    return await Promise.race([
      once(child, "message", { signal }).then(([message]) => message),
      once(child, "exit", { signal }).then(([code]) => {
        throw new Error(`a program in the machine's network ended with ${code}`);
      }),
    ]);
  } finally {
    controller.abort();
  }
}

/** Returns once it says that it is ready. */
async function start(machine: Machine, program: string, argument: string): Promise<ChildProcess> {
  const file = fileURLToPath(new URL(`programs/${program}`, import.meta.url));
  const child = spawn("/usr/bin/nsenter", [networkOf(machine), "--", process.execPath, file, argument], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  atEnd(() => child.kill("SIGKILL"));
  await answerOf(child);
  return child;
}
