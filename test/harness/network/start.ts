/** Programs of this folder, run by the host's Node.js in a network of its own: a machine's, or a bare namespace. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { atEnd } from "../at-end.ts";
import type { Attacked } from "./attack.ts";
import type { Load, Seen } from "./load.ts";

export interface Network {
  /** The command that runs this one inside. */
  inside(file: string, ...args: string[]): [string, string[]];
}

/** Runs a program of the host there; returns what it said. */
export async function inNetwork(network: Network, ...[file, ...args]: [string, ...string[]]): Promise<string> {
  return (await promisify(execFile)(...network.inside(file, ...args))).stdout;
}

/** Listens until it is stopped, or the network or the test ends. */
export async function startOrigin(network: Network, port: number, delayMs = 0): Promise<{ stop: () => Promise<void> }> {
  const child = await start(network, "origin.ts", [port, delayMs].join());
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

export async function startLoad(network: Network, load: Load): Promise<RunningLoad> {
  return new RunningLoad(await start(network, "load.ts", JSON.stringify(load)));
}

/** Attacks the gateway for that long, then tells what came of it. */
export async function attack(network: Network, port: number, originPort: number, attackMs: number): Promise<Attacked> {
  const child = await start(network, "attack.ts", [port, originPort, attackMs].join());
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
        throw new Error(`a program in the network ended with ${code}`);
      }),
    ]);
  } finally {
    controller.abort();
  }
}

/** Returns once it says that it is ready. */
async function start(network: Network, program: string, argument: string): Promise<ChildProcess> {
  const file = fileURLToPath(new URL(program, import.meta.url));
  const child = spawn(...network.inside(process.execPath, file, argument), {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  atEnd(() => child.kill("SIGKILL"));
  await answerOf(child);
  return child;
}
