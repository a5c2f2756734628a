/**
 * Loads uWebSockets.js, a native addon inside the executable. The loader takes files only, so the addon becomes one for
 * the moment of loading, where no other user can put theirs in its place (yao-pkg/pkg#228: a swapped addon is code of
 * one's own run as another).
 *
 * In each place in turn, until one will do: a file that never has a name (O_TMPFILE, loaded through /proc/self/fd),
 * which leaves nothing behind even if the process is killed in the middle; where the file system or a missing /proc
 * does not allow that, a named file in a fresh private folder, removed at once. A place that is not writable or
 * mounted noexec is passed over; devices have been seen with each of /run, /tmp and /var so.
 */
import {
  closeSync,
  constants,
  existsSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { getRawAsset } from "node:sea";

export type Uws = typeof import("uWebSockets.js");

/** One line on why the addon could not be loaded; `exitCode` from sysexits.h: 73 no place for it, 71 the loader's no. */
export class AddonError extends Error {
  override readonly name = "AddonError";
  readonly exitCode: 71 | 73;

  constructor(message: string, exitCode: 71 | 73) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Linux: __O_TMPFILE | O_DIRECTORY, the second of which differs between architectures; Node has no name for it. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

/**
 * @param headBytesMax largest request head; read by the addon once, as it is loaded
 * @throws AddonError
 */
export function loadAddon(headBytesMax: number): Uws {
  process.env.UWS_HTTP_MAX_HEADERS_SIZE = String(headBytesMax);
  const addon = new Uint8Array(getRawAsset("uws.node"));
  const tried = new Map<string, string>();
  for (const place of listPlaces()) {
    for (const load of [loadUnnamed, loadNamed]) {
      try {
        const uws = load(place, addon);
        // Without this it would name itself in every answer. Not in the package's types.
        (uws as unknown as { _cfg(option: string): void })._cfg("silent");
        return uws;
      } catch (error) {
        if (error instanceof AddonError) throw error;
        // A place's last word is the named way's, since not having O_TMPFILE is no fault.
        tried.set(place, (error as Error).message);
      }
    }
  }
  const places = [...tried].map(([place, problem]) => `${place} (${problem})`).join(", ");
  throw new AddonError(`no place that is writable and not noexec to load the network library from: ${places}`, 73);
}

/** systemd gives RUNTIME_DIRECTORY, which may be several, separated by colons; then the usual ones. */
function listPlaces(): Set<string> {
  const runtime = process.env.RUNTIME_DIRECTORY?.split(":")[0];
  const given = [runtime, process.env.TMPDIR, `/run/user/${process.getuid?.()}`];
  return new Set([...given, "/tmp", "/dev/shm", "/var/tmp"].filter((place) => place?.startsWith("/")) as string[]);
}

function loadUnnamed(folder: string, addon: Uint8Array): Uws {
  const file = openSync(folder, O_TMPFILE | constants.O_RDWR | constants.O_EXCL, 0o600);
  try {
    writeFileSync(file, addon);
    return openLibrary(`/proc/self/fd/${file}`, file);
  } finally {
    closeSync(file);
  }
}

function loadNamed(folder: string, addon: Uint8Array): Uws {
  // Mode 0700, and never one that was there before.
  const own = mkdtempSync(join(folder, "hardwire-"));
  const path = join(own, "uws.node");
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = openSync(path, flags, 0o600);
    try {
      writeFileSync(file, addon);
      return openLibrary(path, file);
    } finally {
      closeSync(file);
    }
  } finally {
    if (existsSync(path)) unlinkSync(path);
    rmdirSync(own);
  }
}

function openLibrary(path: string, file: number): Uws {
  const loaded = { exports: {} };
  try {
    process.dlopen(loaded, path);
  } catch (error) {
    const { message } = error as Error;
    // glibc keeps a failed library's file mapped; emptied, it no longer holds 7 MB of a memory-backed file system.
    ftruncateSync(file, 0);
    // The loader's words for a noexec mount (or a policy that forbids mapping), and for no /proc: another way may do.
    if (message.includes("failed to map segment")) throw new Error("mounted noexec", { cause: error });
    if (message.startsWith(`${path}: cannot open`)) throw error;
    throw new AddonError(`the loader refuses the network library: ${message}`, 71);
  }
  return loaded.exports as Uws;
}
