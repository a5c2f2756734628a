/** The published runtime without what no gateway needs: symbol tables (elf/strip.ts) and the languages of ICU (icu.ts). */
import { cutElf } from "./elf/cut.ts";
import { offsetOf, readElf } from "./elf/read.ts";
import { stripElf } from "./elf/strip.ts";
import { findExport } from "./elf/symbols.ts";
import { neutralise } from "./icu.ts";

/** Still a whole Node.js that runs by itself, with the hole that elf/attach.ts needs. */
export function slimRuntime(file: string, published: Buffer): Buffer {
  const stripped = stripElf(file, published);
  const elf = readElf(file, stripped);
  const { address, size } = findExport(elf, /^icudt\d+_dat$/);
  const at = offsetOf(elf, address);
  const kept = neutralise(elf.bytes.slice(at, size));
  kept.copy(stripped, at);
  return cutElf(file, stripped, address + kept.length, address + size);
}
