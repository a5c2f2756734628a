/** A gateway that was installed and serves, in a namespace, with a folder in the place of the device's /opt and /run. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { Load, Seen } from "../harness/network/load.ts";
import { type RunningLoad, startLoad, startOrigin } from "../harness/network/start.ts";
import { atEnd, runFolder } from "../harness.ts";
import { NAME, ORIGIN_PORT, PORT, SLOW_MS, SLOW_PORT } from "./builds.ts";
import { Namespace } from "./namespace.ts";

const WAIT_MS = 20_000;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/** Runs a command to its end, whatever that is. */
export function run(file: string, args: string[], options: object = {}): Promise<Ran> {
  const begun = performance.now();
  return new Promise((resolve) => {
    execFile(file, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? -1);
      resolve({ code, stdout: String(stdout), stderr: String(stderr), ms: performance.now() - begun });
    });
  });
}

export interface Status {
  readonly current: string | null;
  readonly previous: string | null;
  readonly next: string | null;
  readonly installed: readonly string[];
  readonly running: { readonly pid: number; readonly build: string } | null;
  readonly trial: { readonly build: string; readonly phase: string } | null;
  readonly last: { readonly number: number; readonly verdict: string; readonly reason: string } | null;
}

const memories: string[] = [];
// Not at the end of a test: services that end then still look there.
process.once("exit", () => {
  for (const memory of memories) rmSync(memory, { recursive: true, force: true });
});

/** A folder that stands for a device's root; its /run is in memory, as everywhere: no disk may stop the service. */
export class Root {
  readonly path = mkdtempSync(join(runFolder(), "root-"));

  constructor() {
    const memory = mkdtempSync("/dev/shm/hardwire-test-run-");
    memories.push(memory);
    mkdirSync(join(this.path, "run"));
    symlinkSync(memory, join(this.path, "run", NAME));
  }

  /** `install`, `activate`, … of a build. */
  command(file: string, command: string, ...options: string[]): Promise<Ran> {
    return run(file, [command, "--root", this.path, ...options]);
  }

  async status(file: string): Promise<Status> {
    const { code, stdout, stderr } = await this.command(file, "status", "--json");
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Status;
  }

  get slots(): string {
    return join(this.path, "opt", NAME);
  }

  link(name: string): string | undefined {
    try {
      return readlinkSync(join(this.slots, name));
    } catch {
      return undefined;
    }
  }
}

export class Service {
  readonly root = new Root();
  readonly namespace: Namespace;
  readonly #file: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #logFile = join(this.root.path, "log");
  #load: RunningLoad | undefined;

  /** Installs the build and starts it, with origins before it. */
  static async start(
    file: string,
    { migrates = true, limitFile, env = {} }: { migrates?: boolean; limitFile?: string; env?: NodeJS.ProcessEnv } = {},
  ) {
    const service = new Service(file, await Namespace.make(migrates), env);
    const { code, stderr } = await service.root.command(file, "install");
    assert.equal(code, 0, stderr);
    await startOrigin(service.namespace, ORIGIN_PORT);
    await startOrigin(service.namespace, SLOW_PORT, SLOW_MS);
    await service.spawn(limitFile);
    return service;
  }

  private constructor(file: string, namespace: Namespace, env: NodeJS.ProcessEnv) {
    this.#file = file;
    this.#env = env;
    this.namespace = namespace;
    atEnd(() => this.stop());
  }

  /** As the service manager would: what `current` names. @param limitFile procs file of a cgroup to run in */
  async spawn(limitFile?: string): Promise<void> {
    const executable = join(this.root.slots, "current", NAME);
    const enter = limitFile === undefined ? "" : `echo $$ >${limitFile} && `;
    const [command, args] = this.namespace.inside("sh", "-c", `${enter}exec ${executable}`);
    const log = openSync(this.#logFile, "a");
    spawn(command, args, { env: { ...this.env, PATH: process.env.PATH }, stdio: ["ignore", log, log] });
    await this.until("it serves", async () => (await this.status()).running !== null);
  }

  get env(): NodeJS.ProcessEnv {
    return { RUNTIME_DIRECTORY: join(this.root.path, "run", NAME), ...this.#env };
  }

  /** What the service's processes have said. */
  get log(): string {
    return existsSync(this.#logFile) ? readFileSync(this.#logFile, "utf8") : "";
  }

  status(): Promise<Status> {
    return this.root.status(this.#file);
  }

  async pid(): Promise<number> {
    return (await this.status()).running!.pid;
  }

  /** Body of /version: the build that answers. */
  async version(port = PORT): Promise<string> {
    const address = `http://localhost:${port}/version`;
    const { stdout, stderr, code } = await run(...this.namespace.inside("curl", "-sS", address));
    assert.equal(code, 0, stderr);
    return stdout;
  }

  /** Inode numbers of those on the port, in whichever process. */
  async listeningSockets(port = PORT): Promise<string[]> {
    const { stdout, code } = await run(...this.namespace.inside("ss", "-ltnHe", `sport = :${port}`));
    assert.equal(code, 0);
    return Array.from(stdout.matchAll(/ ino:(\d+)/g), ([, inode]) => inode!);
  }

  async until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
    const limit = performance.now() + WAIT_MS;
    while (!(await holds())) {
      assert.ok(performance.now() < limit, `not so in time: ${what}\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Clients from now on. */
  async load(options: Partial<Load> = {}): Promise<void> {
    const load = { port: PORT, path: "/x", keepAlive: 8, oneRequest: 8, pauseMs: 5, ...options };
    this.#load = await startLoad(this.namespace, load);
  }

  /** What has become of their requests. */
  endLoad(): Promise<Seen> {
    return this.#load!.stop();
  }

  /** SIGTERM to the main process; it takes the others with it. */
  async stop(): Promise<void> {
    const { running } = await this.status();
    if (running === null) return;
    process.kill(running.pid, "SIGTERM");
    await this.until("it has ended", () => !existsSync(`/proc/${running.pid}`));
  }
}
