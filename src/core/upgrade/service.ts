/** The service as a command sees it: the process that wrote the state file, if it really is one of this program. */

import { readlinkSync } from "node:fs";
import { kill } from "node:process";
import type { Slots } from "./slots.ts";
import { readState, type State } from "./state.ts";

/** What it last told, if it still runs. */
export function findService(slots: Slots, runFolder: string): State | undefined {
  const state = readState(runFolder);
  return state !== undefined && isOurs(slots, state.pid) ? state : undefined;
}

/**
 * A number that the service wrote may be signalled by root: it must be a process of a build in the slots, whatever the
 * file says. Who may not look at the process may not signal it either.
 */
function isOurs({ folder }: Slots, pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`).startsWith(`${folder}/`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") return false;
    return exists(pid);
  }
}

function exists(pid: number): boolean {
  try {
    kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
