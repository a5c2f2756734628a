/**
 * What the service's main process tells of itself: one JSON file in its runtime folder, replaced as a whole. Whoever
 * reads it may be root, and must not believe it more than its writer: it names no file, and a process only by a number
 * that is checked.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { name } from "#generated/tables.ts";
import type { Counts } from "./counts.ts";

export interface State {
  readonly pid: number;
  readonly build: string;
  readonly trial: Trial | null;
  readonly last: Verdict | null;
}

export interface Trial {
  /** Counted from 1 for as long as the service runs, whichever process serves. */
  readonly number: number;
  readonly build: string;
  /** `passed`: nothing is wrong with it; it waits for `current` to name it. */
  readonly phase: "starting" | "probation" | "passed";
  readonly elapsed_ms: number;
  readonly probation_ms: number;
  readonly counts: Counts;
}

export interface Verdict {
  readonly number: number;
  readonly build: string;
  readonly verdict: "confirmed" | "rolled back";
  readonly reason: string;
}

const BYTES_MAX = 16_384;

/** @param root prefix of the device's own folders */
export function runFolderUnder(root: string): string {
  return join("/", root, "run", name);
}

/** systemd's, else the one that it would have given. */
export function ownRunFolder(): string {
  return process.env.RUNTIME_DIRECTORY?.split(":")[0] ?? runFolderUnder("");
}

/** @throws Error of the file system */
export function writeState(state: State): void {
  const folder = ownRunFolder();
  const temporary = join(folder, ".state.json");
  const descriptor = openSync(temporary, "w", 0o644);
  try {
    fchmodSync(descriptor, 0o644); // whatever the umask is
    writeFileSync(descriptor, JSON.stringify(state));
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, join(folder, "state.json"));
}

/** Undefined if there is none, or if it is not one. */
export function readState(folder: string): State | undefined {
  let descriptor: number;
  try {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    descriptor = openSync(join(folder, "state.json"), flags);
  } catch {
    return undefined;
  }
  try {
    const { size } = fstatSync(descriptor);
    if (size > BYTES_MAX) return undefined;
    const state = JSON.parse(readFileSync(descriptor, "utf8")) as State;
    return Number.isInteger(state.pid) && state.pid > 1 ? state : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}
