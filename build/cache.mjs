/**
 * The build cache outside the tree: where it is, and how a file gets into it. Plain JavaScript, because the launcher
 * runs on whatever Node the user has, before the project's own is there; types in cache.d.mts.
 *
 * A file is made in a private folder beside its place and renamed into it when it is whole: two builds at once both
 * succeed, and one that is interrupted leaves nothing that counts.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join } from "node:path";

const PARTIAL = ".partial-";
/** No download takes this long; what is older was left by a build that was killed. */
const ABANDONED_MS = 6 * 3600 * 1000;

/** A foreign binary could not be had; `exitCode` from sysexits.h. */
export class SupplyError extends Error {
  constructor(message, exitCode) {
    super(message);
    this.name = "SupplyError";
    this.exitCode = exitCode;
  }
}

/** XDG Base Directory 0.8: a relative XDG_CACHE_HOME is to be ignored. */
export function findCacheFolder() {
  const xdg = process.env.XDG_CACHE_HOME;
  return join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), ".cache"), "hardwire");
}

export async function keepInCache(path, fill) {
  if (existsSync(path)) return path;
  const folder = dirname(path);
  let scratch;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    removeAbandoned(folder);
    scratch = mkdtempSync(join(folder, PARTIAL));
    const file = join(scratch, basename(path));
    await fill(file, scratch);
    const opened = openSync(file, "r");
    fsyncSync(opened);
    closeSync(opened);
    renameSync(file, path);
    return path;
  } catch (error) {
    if (error.syscall === undefined || error.path === undefined) throw error;
    throw new SupplyError(`cannot write the build cache: ${error.message} (XDG_CACHE_HOME moves it)`, 73);
  } finally {
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
  }
}

function removeAbandoned(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (name.startsWith(PARTIAL) && Date.now() - statSync(path).mtimeMs > ABANDONED_MS) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}
