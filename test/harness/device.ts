/**
 * Builds executables through the command line and runs them as a device would: the file alone, an empty folder, an
 * empty environment. Equal configurations are packed once in a run.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { atEnd } from "./at-end.ts";
import { ports } from "./ports.ts";
import { runFolder } from "./run-folder.ts";

const HARDWIRE = fileURLToPath(new URL("../../build/launch.mjs", import.meta.url));
const START_MS = 10_000;
const STOP_MS = 5000;
const SEEN_MS = 10_000;

export const HOST_TARGET = `linux-${process.arch}`;

/** A target for this machine on the device port. */
export function hostTarget(more: object = {}): object {
  return { target: HOST_TARGET, listeners: { public: { address: `127.0.0.1:${ports.device}` } }, ...more };
}

/** Path of the packed executable. @throws with what the command line said */
export async function pack(routes: object, target: object = hostTarget()): Promise<string> {
  const inputs = [JSON.stringify(routes, null, 1), JSON.stringify(target, null, 1)] as const;
  const hash = createHash("sha256").update(inputs.join("\n")).digest("hex").slice(0, 16);
  const folder = join(runFolder(), hash);
  const file = join(folder, "gateway");
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "routes.json"), inputs[0]);
  writeFileSync(join(folder, "target.json"), inputs[1]);
  const command = [HARDWIRE, "build", "routes.json", "--target", "target.json", "--out", file];
  await promisify(execFile)(process.execPath, command, { cwd: folder });
  return file;
}

/** What a device says of itself at SIGUSR1. */
export interface Statistics {
  readonly inFlight: number;
  readonly connections: number;
  /** Requests that wait for a connection to an upstream, by its name. */
  readonly waiting: Readonly<Record<string, number>>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
// The runner ends a file that takes too long with SIGTERM, which alone would leave what it started.
process.once("SIGTERM", () => process.exit(143));

/** A started executable, whatever becomes of it. */
export class Device {
  readonly child: ChildProcess;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stdout = "";
  stderr = "";

  constructor(
    file: string,
    {
      args = [],
      env = {},
      cwd,
      stdin = "ignore",
    }: { args?: string[]; env?: NodeJS.ProcessEnv; cwd?: string; stdin?: "ignore" | "pipe" } = {},
  ) {
    const empty = join(runFolder(), "empty");
    mkdirSync(empty, { recursive: true });
    this.child = spawn(file, args, { env, cwd: cwd ?? empty, stdio: [stdin, "pipe", "pipe"] });
    running.add(this.child);
    this.child.stdout!.on("data", (text) => {
      this.stdout += text;
    });
    this.child.stderr!.on("data", (text) => {
      this.stderr += text;
    });
    this.exited = new Promise((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("close", (code, signal) => {
        running.delete(this.child);
        resolve({ code, signal });
      });
    });
  }

  /** Until standard error has a match, or the process has ended. */
  async says(pattern: RegExp, waitMs = START_MS): Promise<void> {
    const limit = Date.now() + waitMs;
    let ended = false;
    void this.exited.then(() => {
      ended = true;
    });
    while (!pattern.test(this.stderr)) {
      assert.ok(!ended, `the device ended: ${this.stderr}`);
      assert.ok(Date.now() < limit, `the device did not say ${pattern}: ${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Its answer does not stay in `stderr`. */
  async statistics(): Promise<Statistics> {
    this.child.kill("SIGUSR1");
    await this.says(/: statistics: memory: .*\n/);
    const [, inFlight, connections] = /: statistics: up .* (\d+) requests in flight, (\d+) conn/.exec(this.stderr)!;
    const waiting = this.stderr.matchAll(/: statistics: upstream (.*?): .* (\d+) requests waiting/g);
    const all = [...waiting].map(([, name, count]) => [name, Number(count)]);
    this.stderr = this.stderr.replace(/^.*: statistics: .*\n/gm, "");
    return { inFlight: Number(inFlight), connections: Number(connections), waiting: Object.fromEntries(all) };
  }

  /** Until it has seen what a client has done. */
  async sees(holds: (now: Statistics) => boolean, what: string): Promise<void> {
    const limit = Date.now() + SEEN_MS;
    for (;;) {
      const now = await this.statistics();
      if (holds(now)) return;
      assert.ok(Date.now() < limit, `the device did not see ${what}: ${JSON.stringify(now)}`);
    }
  }

  /** Private memory in bytes: RssAnon of /proc/PID/status. */
  privateBytes(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, "utf8");
    return Number(/RssAnon:\s+(\d+) kB/.exec(status)![1]) * 1024;
  }

  /** SIGTERM, a drain, exit code 0 and nothing said but that and the lines expected. */
  async stop(expected = /^$/): Promise<void> {
    this.child.kill("SIGTERM");
    const late = setTimeout(() => this.child.kill("SIGKILL"), STOP_MS);
    const { code, signal } = await this.exited;
    clearTimeout(late);
    assert.equal(signal, null, `the device was ended by ${signal}: ${this.stderr}`);
    assert.equal(code, 0, this.stderr);
    const lines = this.stderr.split("\n").filter((line) => !/^$|: listening on |: SIGTERM: draining, /.test(line));
    const unexpected = lines.filter((line) => !expected.test(line));
    assert.deepEqual(unexpected, [], "unexpected words on standard error");
    assert.equal(this.stdout, "");
  }
}

/** A gateway that serves, until the end of the file or test that asked for it. */
export async function device(routes: object, target?: object): Promise<Device> {
  const file = await pack(routes, target);
  const started = new Device(file);
  atEnd(() => started.stop());
  await started.says(/: listening on /);
  return started;
}
