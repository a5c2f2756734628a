/**
 * Only one command at a time moves links. The lock is a link in /run, which is made in one step and gone after a reboot;
 * it names its holder by number and start time, so that one that was killed does not hold it for ever.
 */
import { mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { dirname } from "node:path";
import { wait } from "../timers.ts";
import { onDevice, Refused } from "./refused.ts";

/** One that was killed in the middle of a write takes a moment to be gone. */
const WAIT_MS = 1000;
const LOOK_MS = 50;

/** Releases it as the process ends. @throws Refused if another command has it */
export async function lock(file: string): Promise<void> {
  const self = holderOf(process.pid);
  if (self === "") throw new Refused("/proc is not mounted, and tells who is at work on the builds", 71);
  onDevice(`take ${file}`, () => mkdirSync(dirname(file), { recursive: true, mode: 0o755 }));
  const limitMs = performance.now() + WAIT_MS;
  for (;;) {
    const holder = onDevice(`take ${file}`, () => take(file, self));
    if (holder === "") break;
    const pid = Number(holder.split("-")[0]);
    if (holderOf(pid) !== holder) onDevice(`take ${file}`, () => rmSync(file, { force: true }));
    else if (performance.now() > limitMs)
      throw new Refused(`another command (process ${pid}) is at work on the builds`, 75);
    else await wait(LOOK_MS);
  }
  process.once("exit", () => {
    rmSync(file, { force: true });
  });
}

/** "" if it is ours now, else who has it. */
function take(file: string, self: string): string {
  try {
    symlinkSync(self, file);
    return "";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return readlinkOr(file);
  }
}

/** Its holder may have ended just now. */
function readlinkOr(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return "0-";
  }
}

/** "812-20399": a process's number, which may be another's later, and when it started. */
function holderOf(pid: number): string {
  try {
    // The name, which may have any character, is the last thing in brackets; the start time is the 20th field after it.
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" || state === "X" ? "" : `${pid}-${fields[18]}`;
  } catch {
    return "";
  }
}
