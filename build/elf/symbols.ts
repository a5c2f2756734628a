/**
 * The dynamic symbols as the loader sees them: through the dynamic table, not through section headers, since tools
 * that rewrite files have been seen to leave the two apart (nodejs/node#61483: a zeroed .gnu.hash).
 */
import { ElfError } from "./error.ts";
import { type Elf, offsetOf, SHT_DYNSYM } from "./read.ts";

const DT_STRTAB = 5;
const DT_SYMTAB = 6;
const DT_STRSZ = 10;
const DT_GNU_HASH = 0x6ffffef5;
const DT_VERSYM = 0x6ffffff0;
export const SYMBOL_BYTES = 24;

/** Where each table stands in the file. */
export interface SymbolTables {
  readonly symbolsAt: number;
  readonly count: number;
  readonly namesAt: number;
  readonly namesEnd: number;
  /** Version index of each symbol, 2 bytes each. */
  readonly versionsAt: number;
  readonly hashAt: number;
}

export function findSymbols(elf: Elf): SymbolTables {
  const at = (tag: number, what: string): number => {
    const address = elf.dynamic.get(tag);
    if (address === undefined) throw new ElfError(elf.file, `no ${what} in the dynamic table`);
    return offsetOf(elf, address);
  };
  const section = elf.sections.find(({ type }) => type === SHT_DYNSYM);
  const symbolsAt = at(DT_SYMTAB, "symbol table");
  if (section === undefined || section.offset !== symbolsAt) {
    throw new ElfError(elf.file, ".dynsym is not where the dynamic table has the symbols (damaged by a tool?)");
  }
  const count = Math.floor(section.size / SYMBOL_BYTES);
  const namesAt = at(DT_STRTAB, "string table");
  const versionsAt = at(DT_VERSYM, "symbol versions");
  elf.bytes.within(symbolsAt, count * SYMBOL_BYTES);
  elf.bytes.within(versionsAt, count * 2);
  const hashAt = at(DT_GNU_HASH, ".gnu.hash");
  return { symbolsAt, count, namesAt, namesEnd: namesAt + (elf.dynamic.get(DT_STRSZ) ?? 0), versionsAt, hashAt };
}

export function readSymbolName(elf: Elf, tables: SymbolTables, index: number): string {
  const at = tables.namesAt + elf.bytes.u32(tables.symbolsAt + index * SYMBOL_BYTES);
  return elf.bytes.name(at, tables.namesEnd);
}

/** The section a symbol is defined in; 0 for one that is imported. */
export function readSymbolSection(elf: Elf, tables: SymbolTables, index: number): number {
  return elf.bytes.u16(tables.symbolsAt + index * SYMBOL_BYTES + 6);
}

/** Address and size of the one exported symbol whose name matches. @throws ElfError if there is none */
export function findExport(elf: Elf, pattern: RegExp): { readonly address: number; readonly size: number } {
  const tables = findSymbols(elf);
  for (let index = 1; index < tables.count; index++) {
    if (readSymbolSection(elf, tables, index) === 0 || !pattern.test(readSymbolName(elf, tables, index))) continue;
    const at = tables.symbolsAt + index * SYMBOL_BYTES;
    return { address: elf.bytes.u64(at + 8), size: elf.bytes.u64(at + 16) };
  }
  throw new ElfError(elf.file, `exports no symbol like ${pattern.source}`);
}

/**
 * Looks every defined symbol up through .gnu.hash, the way dlopen does.
 * @returns how many were found
 * @throws ElfError for the first that cannot be found, which an addon that needs it could not either
 */
export function checkSymbolLookup(elf: Elf, tables: SymbolTables): number {
  const { bytes } = elf;
  const buckets = bytes.u32(tables.hashAt);
  const firstHashed = bytes.u32(tables.hashAt + 4);
  const bloomWords = bytes.u32(tables.hashAt + 8);
  if (buckets === 0 || bloomWords === 0) throw new ElfError(elf.file, ".gnu.hash is empty (nodejs/node#61483?)");
  const bucketsAt = tables.hashAt + 16 + bloomWords * 8;
  const chainsAt = bucketsAt + buckets * 4;
  let found = 0;
  for (let index = 1; index < tables.count; index++) {
    const info = bytes.u8(tables.symbolsAt + index * SYMBOL_BYTES + 4);
    if (readSymbolSection(elf, tables, index) === 0 || info >> 4 === 0) continue;
    const name = readSymbolName(elf, tables, index);
    const hash = hashGnu(name);
    // The bloom filter rules a name out before the buckets are read: a zero word hides every symbol it covers.
    const wordAt = tables.hashAt + 16 + ((hash >>> 6) % bloomWords) * 8;
    const shifted = hash >>> (bytes.u32(tables.hashAt + 12) & 31);
    const passes = bit(elf, wordAt, hash & 63) && bit(elf, wordAt, shifted & 63);
    const start = bytes.u32(bucketsAt + (hash % buckets) * 4);
    if (!passes || start < firstHashed || !chainHolds(elf, tables, chainsAt, firstHashed, start, index, hash)) {
      throw new ElfError(
        elf.file,
        `.gnu.hash does not find symbol ${name}, which .dynsym defines (damaged by a tool?)`,
      );
    }
    found++;
  }
  return found;
}

function chainHolds(
  elf: Elf,
  tables: SymbolTables,
  chainsAt: number,
  firstHashed: number,
  start: number,
  wanted: number,
  hash: number,
): boolean {
  for (let index = start; index < tables.count; index++) {
    const entry = elf.bytes.u32(chainsAt + (index - firstHashed) * 4);
    if (index === wanted) return (entry | 1) >>> 0 === (hash | 1) >>> 0;
    if ((entry & 1) === 1) return false;
  }
  return false;
}

function bit(elf: Elf, wordAt: number, position: number): boolean {
  return ((elf.bytes.u8(wordAt + (position >> 3)) >> (position & 7)) & 1) === 1;
}

/** DJB's hash as .gnu.hash has it: h * 33 + c over 32 bits. */
function hashGnu(name: string): number {
  let hash = 5381;
  for (let at = 0; at < name.length; at++) hash = (Math.imul(hash, 33) + name.charCodeAt(at)) >>> 0;
  return hash;
}
