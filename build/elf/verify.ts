/**
 * Checks a packed executable against the runtime it was made from: what an injection must add is there, and what it
 * must not touch is as it was. Injection rewrites the file through a general ELF library, which has produced files
 * that start but cannot load an addon (nodejs/node#61483), so every result is read again from the bytes.
 */
import { createHash } from "node:crypto";
import { ElfError } from "./error.ts";
import { findNote } from "./note.ts";
import type { Elf, Machine } from "./read.ts";
import { checkSymbolLookup, findSymbols, readSymbolName, SYMBOL_BYTES } from "./symbols.ts";
import { checkGlibcFloor, type GlibcFloor } from "./versions.ts";

/** What an injection must not change. */
export interface Fingerprint {
  readonly machine: Machine;
  readonly type: number;
  /** Over all dynamic symbols. */
  readonly symbols: string;
}

export interface Verified {
  readonly floor: GlibcFloor;
  /** Exported symbols, each found through .gnu.hash. */
  readonly symbols: number;
}

export function takeFingerprint(elf: Elf): Fingerprint {
  return { machine: elf.machine, type: elf.type, symbols: digestSymbols(elf) };
}

/**
 * @param runtime taken before the injection
 * @param note name of the payload's note
 * @param parts byte strings that the payload must hold, by name
 * @param floor newest glibc version the file may need
 */
export function verifyPacked(
  runtime: Fingerprint,
  packed: Elf,
  note: string,
  parts: Readonly<Record<string, Buffer>>,
  floor: string,
): Verified {
  if (packed.machine !== runtime.machine || packed.type !== runtime.type) {
    throw new ElfError(packed.file, `is for ${packed.machine}, but its runtime is for ${runtime.machine}`);
  }
  const payload = findNote(packed, note);
  if (payload === undefined) throw new ElfError(packed.file, `has no note ${note}: the payload was not injected`);
  for (const [name, bytes] of Object.entries(parts)) {
    if (!payload.includes(bytes)) throw new ElfError(packed.file, `its payload does not hold ${name} as it was given`);
  }
  const tables = findSymbols(packed);
  const symbols = checkSymbolLookup(packed, tables);
  if (digestSymbols(packed) !== runtime.symbols) {
    throw new ElfError(packed.file, "its dynamic symbols are not those of its runtime: injection damaged .dynsym");
  }
  return { floor: checkGlibcFloor(packed, floor), symbols };
}

/** Order does not count (injection may sort them anew), all else does: name, type, section, value, size. */
function digestSymbols(elf: Elf): string {
  const tables = findSymbols(elf);
  const lines: string[] = [];
  for (let index = 1; index < tables.count; index++) {
    const at = tables.symbolsAt + index * SYMBOL_BYTES;
    lines.push(readSymbolName(elf, tables, index) + elf.bytes.slice(at + 4, SYMBOL_BYTES - 4).toString("latin1"));
  }
  return createHash("sha256").update(lines.sort().join("\n"), "latin1").digest("hex");
}
