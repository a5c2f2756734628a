/**
 * What versions of which libraries a file needs, and so the oldest glibc it runs on: its floor. The loader refuses a
 * file whose list (.gnu.version_r) names a version that the device's library lacks.
 */
import { ElfError } from "./error.ts";
import { type Elf, offsetOf } from "./read.ts";
import { findSymbols, readSymbolName } from "./symbols.ts";

const DT_VERNEED = 0x6ffffffe;

export interface VersionNeed {
  /** "libc.so.6" */
  readonly library: string;
  /** "GLIBC_2.36" */
  readonly version: string;
  /** The imported symbols bound to it. */
  readonly symbols: readonly string[];
  /** Where its 16-byte entry stands in the file: hash, flags, index, name, next. */
  readonly entryAt: number;
}

export function readVersionNeeds(elf: Elf): VersionNeed[] {
  const { bytes } = elf;
  const start = elf.dynamic.get(DT_VERNEED);
  if (start === undefined) return [];
  const tables = findSymbols(elf);
  const symbols = new Map<number, string[]>();
  const needs: VersionNeed[] = [];
  // Both lists are linked forwards by byte distances, so a damaged one ends at the end of the file at the latest.
  for (let at = offsetOf(elf, start), next = 1; next !== 0; at += next) {
    const library = bytes.name(tables.namesAt + bytes.u32(at + 4), tables.namesEnd);
    for (let entryAt = at + bytes.u32(at + 8), nextEntry = 1; nextEntry !== 0; entryAt += nextEntry) {
      const version = bytes.name(tables.namesAt + bytes.u32(entryAt + 8), tables.namesEnd);
      const bound: string[] = [];
      symbols.set(bytes.u16(entryAt + 6), bound);
      needs.push({ library, version, symbols: bound, entryAt });
      if (needs.length > 1000) throw new ElfError(elf.file, "needs more than 1000 library versions (damaged file?)");
      nextEntry = bytes.u32(entryAt + 12);
    }
    next = bytes.u32(at + 12);
  }
  for (let index = 1; index < tables.count; index++) {
    symbols.get(bytes.u16(tables.versionsAt + index * 2) & 0x7fff)?.push(readSymbolName(elf, tables, index));
  }
  return needs;
}

export interface GlibcFloor {
  /** "2.36" */
  readonly version: string;
  /** The imported symbols that need it. */
  readonly symbols: readonly string[];
}

/** Named marks that are no numbers: glibc gained them with these releases (glibc NEWS). */
const MARKS: Readonly<Record<string, string>> = { ABI_DT_RELR: "2.36", ABI_GNU_TLS: "2.42", ABI_GNU2_TLS: "2.42" };

/** The oldest glibc that has all that is needed; "0" if none is. */
export function findGlibcFloor(file: string, needs: readonly VersionNeed[]): GlibcFloor {
  let floor: GlibcFloor = { version: "0", symbols: [] };
  for (const need of needs) {
    if (!need.version.startsWith("GLIBC_")) continue;
    const text = need.version.slice("GLIBC_".length);
    const version = MARKS[text] ?? text;
    if (!/^\d+(\.\d+)*$/.test(version)) {
      throw new ElfError(file, `needs ${need.version} of ${need.library}, which no released glibc promises`);
    }
    const order = compareVersions(version, floor.version);
    if (order > 0) floor = { version, symbols: need.symbols };
    else if (order === 0) floor = { version, symbols: [...floor.symbols, ...need.symbols] };
  }
  return floor;
}

/** @throws ElfError naming the symbols, if the file needs a newer glibc than `floor` */
export function checkGlibcFloor(elf: Elf, floor: string): GlibcFloor {
  const found = findGlibcFloor(elf.file, readVersionNeeds(elf));
  if (compareVersions(found.version, floor) > 0) {
    const symbols = found.symbols.slice(0, 5).join(", ") + (found.symbols.length > 5 ? ", …" : "");
    throw new ElfError(
      elf.file,
      `needs glibc ${found.version} (for ${symbols || "the file as a whole"}), but the target has ${floor}`,
    );
  }
  return found;
}

/** Negative, zero or positive; "2.4" is before "2.36". */
export function compareVersions(left: string, right: string): number {
  const a = left.split(".").map(Number);
  const b = right.split(".").map(Number);
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const order = (a[at] ?? 0) - (b[at] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}
