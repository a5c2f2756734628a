/** A gateway whose log is read by whoever the test wants: a socket as journald's, a pipe, a file, a disk that is full. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, constants, fstatSync, mkdtempSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { atEnd } from "./at-end.ts";
import { until } from "./held.ts";
import { runFolder } from "./run-folder.ts";

const WAIT_MS = 10_000;

function newPath(name: string): string {
  return join(mkdtempSync(join(runFolder(), "log-")), name);
}

/** A gateway whose standard error is whatever it is given. */
export class Logged {
  readonly child: ChildProcess;
  /** Of the file, if it is one. */
  readonly path: string;
  private readonly collect: () => string;

  private constructor(child: ChildProcess, collect: () => string, path = "") {
    this.child = child;
    this.collect = collect;
    this.path = path;
    atEnd(() => child.kill("SIGKILL"));
  }

  /** Node gives a child a unix socket for a stream to read from, as journald does. */
  static socket(file: string, env: NodeJS.ProcessEnv = {}): Logged {
    const child = spawn(file, { env, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString("latin1");
    });
    return new Logged(child, () => said);
  }

  /** Only what `output` asks for is read. */
  static pipe(file: string): Logged {
    const path = newPath("fifo");
    execFileSync("mkfifo", [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY);
    const child = spawn(file, { env: {}, stdio: ["ignore", "ignore", writer] });
    closeSync(writer);
    let said = "";
    const chunk = Buffer.alloc(1 << 20);
    return new Logged(child, () => {
      try {
        for (let bytes = 1; bytes > 0; ) {
          bytes = readSync(reader, chunk);
          said += chunk.toString("latin1", 0, bytes);
        }
      } catch {
        // Empty for now.
      }
      return said;
    });
  }

  /** Appended to a file that is taken for the journal. */
  static file(file: string): Logged {
    const path = newPath("file");
    const fd = openSync(path, "a");
    const { dev, ino } = fstatSync(fd);
    const child = spawn(file, { env: { JOURNAL_STREAM: `${dev}:${ino}` }, stdio: ["ignore", "ignore", fd] });
    closeSync(fd);
    return new Logged(child, () => readFileSync(path, "latin1"), path);
  }

  /** From now on no file takes more bytes than these, as on a disk that is full then. */
  limitFiles(bytes: number): void {
    execFileSync("prlimit", ["--pid", String(this.child.pid), `--fsize=${bytes}`]);
  }

  get output(): string {
    return this.collect();
  }

  async serving(): Promise<this> {
    await until(() => /listening on/.test(this.output), "the gateway to listen", WAIT_MS);
    return this;
  }

  /** Lines about requests, when there are so many. */
  async lines(count: number): Promise<string[]> {
    const lines = () => this.output.split("\n").filter((line) => line !== "" && !/^(<\d>)?logged: /.test(line));
    await until(() => lines().length >= count, `${count} lines`, WAIT_MS);
    return lines();
  }

  async stop(): Promise<number> {
    const startMs = performance.now();
    this.child.kill("SIGTERM");
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
      this.child.once("exit", (...how) => resolve(how)),
    );
    assert.deepEqual([code, signal], [0, null]);
    return performance.now() - startMs;
  }
}
