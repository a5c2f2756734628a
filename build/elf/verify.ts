/**
 * Checks a packed executable against the runtime it was made from, all of it read again from the file: every byte of
 * the runtime is there but those that must differ, the payload holds what was given, and the loader will find all
 * symbols. Tools that inject have produced files that start but cannot load an addon (nodejs/node#61483).
 */
import { ElfError } from "./error.ts";
import { findNote } from "./note.ts";
import type { Elf } from "./read.ts";
import { checkSymbolLookup, findSymbols } from "./symbols.ts";
import { checkGlibcFloor, type GlibcFloor } from "./versions.ts";

export interface Wanted {
  /** Name of the payload's note. */
  readonly note: string;
  /** What the runtime looks at to know that it has a payload; its last byte differs from the runtime's. */
  readonly fuse: string;
  /** Byte strings that the payload must hold, by name. */
  readonly parts: Readonly<Record<string, Buffer>>;
  /** Newest glibc version the file may need. */
  readonly floor: string;
}

export interface Verified {
  readonly floor: GlibcFloor;
  /** Exported symbols, each found through .gnu.hash. */
  readonly symbols: number;
}

export function verifyPacked(runtime: Elf, packed: Elf, wanted: Wanted): Verified {
  const payload = findNote(packed, wanted.note);
  if (payload === undefined) throw new ElfError(packed.file, `has no note ${wanted.note}: there is no payload in it`);
  for (const [name, bytes] of Object.entries(wanted.parts)) {
    if (!payload.includes(bytes)) throw new ElfError(packed.file, `its payload does not hold ${name} as it was given`);
  }
  checkRuntime(runtime, packed, wanted.fuse);
  return { floor: checkGlibcFloor(packed, wanted.floor), symbols: checkSymbolLookup(packed, findSymbols(packed)) };
}

/** Where the two tables are, how long they are, and the fuse are all that may differ. */
function checkRuntime(runtime: Elf, packed: Elf, fuse: string): void {
  const fuseAt = packed.bytes.data.indexOf(fuse) + fuse.length - 1;
  if (fuseAt < fuse.length || fuseAt >= runtime.bytes.data.length) {
    throw new ElfError(packed.file, "the runtime's fuse is not set; it would start as plain Node");
  }
  let from = 0;
  for (const [at, length] of [
    [32, 16],
    [56, 2],
    [60, 4],
    [fuseAt, 1],
    [runtime.bytes.data.length, 0],
  ] as const) {
    if (!runtime.bytes.slice(from, at - from).equals(packed.bytes.slice(from, at - from))) {
      throw new ElfError(packed.file, `is not the runtime it was made from, between offsets ${from} and ${at}`);
    }
    from = at + length;
  }
}
