/**
 * Lowers the uWebSockets.js addon's glibc floor from 2.38 to 2.36, in place, without moving a byte.
 *
 * The addon was compiled against the C23 headers of glibc 2.38, where strtol, strtoul and strtoull are called
 * `__isoc23_…`; these three names are all it needs of 2.38, and the difference is only that C23 takes a "0b" prefix.
 * Each such symbol's name is moved on past the `__isoc23_`, since the old name is the new one's tail: no string is
 * rewritten, so one that shares the bytes cannot be hurt. Imported symbols are not in .gnu.hash, so nothing there
 * changes. The entry for GLIBC_2.38 is then pointed at the architecture's base version, where the plain three are.
 */
import { ElfError } from "./error.ts";
import { type Machine, readElf } from "./read.ts";
import { findSymbols, readSymbolName, readSymbolSection, SYMBOL_BYTES } from "./symbols.ts";
import { readVersionNeeds } from "./versions.ts";

const PREFIX = "__isoc23_";
const TWINS = new Set(["strtol", "strtoul", "strtoull"]);
/** The first version of glibc on each architecture: glibc, sysdeps, shlib-versions. */
const BASE_VERSION: Readonly<Record<Machine, string>> = { x64: "GLIBC_2.2.5", arm64: "GLIBC_2.17" };

/**
 * @returns a changed copy
 * @throws ElfError if anything but the three twins needs 2.38: then it is not this addon, and not for us to change
 */
export function lowerGlibc(file: string, data: Buffer): Buffer {
  const elf = readElf(file, data);
  const needs = readVersionNeeds(elf);
  const high = needs.find(({ library, version }) => library === "libc.so.6" && version === "GLIBC_2.38");
  if (high === undefined) throw new ElfError(file, "does not need GLIBC_2.38; nothing to lower");
  const base = needs.find(({ library, version }) => library === high.library && version === BASE_VERSION[elf.machine]);
  if (base === undefined) throw new ElfError(file, `does not list ${BASE_VERSION[elf.machine]}, to lower 2.38 to`);
  const foreign = high.symbols.find((name) => !name.startsWith(PREFIX) || !TWINS.has(name.slice(PREFIX.length)));
  if (foreign !== undefined) throw new ElfError(file, `${foreign} needs GLIBC_2.38 and has no older twin`);

  const lowered = Buffer.from(data);
  const tables = findSymbols(elf);
  for (let index = 1; index < tables.count; index++) {
    if (!high.symbols.includes(readSymbolName(elf, tables, index))) continue;
    if (readSymbolSection(elf, tables, index) !== 0) throw new ElfError(file, "defines a symbol named like C23's own");
    const at = tables.symbolsAt + index * SYMBOL_BYTES;
    lowered.writeUInt32LE(elf.bytes.u32(at) + PREFIX.length, at);
  }
  // Hash and name of the version; flags, index and link stay.
  data.copy(lowered, high.entryAt, base.entryAt, base.entryAt + 4);
  data.copy(lowered, high.entryAt + 8, base.entryAt + 8, base.entryAt + 12);
  return lowered;
}
