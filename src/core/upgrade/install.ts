/**
 * Puts this executable into its slot. A file appears there only when it is whole, on the disk, and equal to the one that
 * runs; a full disk or a power cut leaves nothing but a name that starts with a dot, which the next try replaces.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { name } from "#generated/tables.ts";
import { onDevice, Refused } from "./refused.ts";
import { ownBuild, type Slots, syncFolder } from "./slots.ts";
import { whyUntrusted } from "./trust.ts";

/** The file this process runs, even where another one has its name by now. */
const SELF = "/proc/self/exe";
const READ_BYTES = 1_048_576;

/** The slot that has this build now. @throws Refused */
export function install(slots: Slots, root: string): string {
  const build = ownBuild();
  onDevice(`install into ${slots.folder}`, () => {
    makeFolder(slots.folder);
    const problem = whyUntrusted(slots.folder);
    if (problem !== "") throw new Refused(`nothing was installed: ${problem}, who could replace what runs there`, 77);
    makeFolder(slots.slotOf(build));
    if (!isInstalled(slots, build)) write(slots, build, join("/", root, "usr/"));
  });
  return build;
}

/** Whether the slot has exactly this executable. */
function isInstalled(slots: Slots, build: string): boolean {
  const file = slots.fileOf(build);
  try {
    const { mode, uid } = statSync(file);
    const isOurs = (mode & 0o777) === 0o755 && uid === process.geteuid?.();
    return isOurs && hashOf(file) === hashOf(SELF);
  } catch {
    return false;
  }
}

function write(slots: Slots, build: string, packagesFolder: string): void {
  const temporary = join(slots.slotOf(build), `.${name}`);
  rmSync(temporary, { force: true });
  try {
    if (!link(temporary, packagesFolder)) {
      copyFileSync(SELF, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      chmodSync(temporary, 0o755);
      syncFile(temporary);
      if (hashOf(temporary) !== hashOf(SELF)) throw new Refused(`${temporary} is not what was written there`, 74);
    }
    renameSync(temporary, slots.fileOf(build));
    syncFolder(slots.slotOf(build));
    syncFolder(slots.folder);
  } catch (error) {
    rmSync(temporary, { force: true });
    if (readdirSync(slots.slotOf(build)).length === 0) rmdirSync(slots.slotOf(build));
    throw error;
  }
}

/**
 * What a package manager has installed is replaced by renaming and never written to, so it can have a second name
 * instead of a copy. A file that someone has copied somewhere may be copied over.
 */
function link(temporary: string, packagesFolder: string): boolean {
  const { uid, mode, ino, dev } = statSync(SELF);
  const isFixed =
    process.execPath.startsWith(packagesFolder) && uid === process.geteuid?.() && (mode & 0o777) === 0o755;
  if (!isFixed) return false;
  try {
    linkSync(process.execPath, temporary);
  } catch {
    return false; // another file system
  }
  const linked = statSync(temporary);
  if (linked.ino === ino && linked.dev === dev) return true;
  rmSync(temporary);
  return false;
}

/** The umask may be any. Not `recursive`, with which Node has ENOENT to say of a file system that is read-only. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, 0o755);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT") throw error;
    makeFolder(dirname(folder));
    mkdirSync(folder, 0o755);
  }
  chmodSync(folder, 0o755);
}

function syncFile(file: string): void {
  const descriptor = openSync(file, "r+");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function hashOf(file: string): string {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  const descriptor = openSync(file, "r");
  try {
    for (let bytes = -1; bytes !== 0; ) {
      bytes = readSync(descriptor, buffer);
      hash.update(buffer.subarray(0, bytes));
    }
  } finally {
    closeSync(descriptor);
  }
  return hash.digest("hex");
}
