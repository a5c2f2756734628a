/**
 * Only one command at a time moves links. The lock is a link in /run, which is made in one step and gone after a reboot;
 * it names its holder by number and start time, so that one that was killed does not hold it for ever.
 */
import { mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { dirname } from "node:path";
import { onDevice, Refused } from "./refused.ts";

/** Releases it as the process ends. @throws Refused if another command has it */
export function lock(file: string): void {
  const self = holderOf(process.pid);
  onDevice(`take ${file}`, () => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    const holder = take(file, self);
    if (holder === "") return;
    const pid = Number(holder.split("-")[0]);
    if (holderOf(pid) === holder) throw new Refused(`another command (process ${pid}) is at work on the builds`, 75);
    rmSync(file);
    if (take(file, self) !== "") throw new Refused("another command is at work on the builds", 75);
  });
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
    return readlinkSync(file);
  }
}

/** "812-20399": a process's number, which may be another's later, and when it started. */
function holderOf(pid: number): string {
  try {
    // The name, which may have any character, is the last thing in brackets; the start time is the 20th field after it.
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return `${pid}-${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  } catch {
    return "";
  }
}
