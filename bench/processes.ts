/**
 * Starts the programs that are compared, each on one core, and reads from /proc what they cost. A program ends with
 * the run, however the run ends: the kernel sends it SIGTERM when its parent is gone.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";

/** The measured program has this core for itself; whatever drives it shares the other one. */
export const PROXY_CORE = 1;
export const LOAD_CORE = 0;

export interface Running {
  readonly pid: number;
  /** Its standard error is read from now on, if it was not. */
  read(): void;
  /** SIGTERM, and SIGKILL if that was not enough. */
  stop(): Promise<void>;
}

const GRACE_MS = 3000;

/** @param env replaces the environment: `{}` is `env -i` @param isRead whether its standard error is */
export function startPinned(
  core: number,
  command: string,
  args: readonly string[],
  env = process.env,
  isRead = true,
): Running {
  const pin = ["--pdeathsig", "TERM", "taskset", "-c", String(core), command, ...args];
  // By absolute path, since an empty environment has no PATH; taskset and setpriv find theirs in the default one.
  const child = spawn("/usr/bin/setpriv", pin, { env, stdio: ["ignore", "ignore", "pipe"] });
  let complaints = "";
  const read = (): void => {
    child.stderr.on("data", (chunk: Buffer) => {
      complaints = chunk.toString().slice(-2000);
    });
  };
  if (isRead) read();
  let stopping = false;
  child.on("exit", (code, signal) => {
    if (!stopping) throw new Error(`${command} ended by itself (${signal ?? code}):\n${complaints}`);
  });
  if (child.pid === undefined) throw new Error("cannot run /usr/bin/setpriv, which util-linux brings");
  return {
    pid: child.pid,
    read,
    stop: async () => {
      stopping = true;
      await end(child);
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
  await once(child, "exit");
  clearTimeout(timer);
}

/** A process and its descendants: nginx is a master and its worker. */
export function family(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return [pid, ...(children === "" ? [] : children.split(" ").flatMap((child) => family(Number(child))))];
}

export interface CoreTime {
  /** User and system time. */
  readonly usedUs: number;
  /** Ready to run, while something else had the core: zero on a machine with no other work. */
  readonly waitedUs: number;
}

/** So far, of all threads; from the scheduler, to the nanosecond. */
export function readCoreTime(pid: number): CoreTime {
  let usedNs = 0;
  let waitedNs = 0;
  for (const member of family(pid)) {
    for (const thread of readdirSync(`/proc/${member}/task`)) {
      const [used, waited] = readFileSync(`/proc/${member}/task/${thread}/schedstat`, "utf8").split(" ");
      usedNs += Number(used);
      waitedNs += Number(waited);
    }
  }
  return { usedUs: usedNs / 1000, waitedUs: waitedNs / 1000 };
}

/** Private memory: anonymous pages in RAM, in kB. File pages are left out, the page cache decides on those. */
export function readPrivateKb(pid: number): number {
  return family(pid)
    .map((member) => Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${member}/status`, "utf8"))?.[1]))
    .reduce((sum, kb) => sum + kb, 0);
}
