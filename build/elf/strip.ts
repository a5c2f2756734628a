/**
 * Drops what is never loaded: symbol table, debug sections, compiler remarks. Our own instead of binutils' strip,
 * which knows one architecture, is not on a fresh machine, and whose output varies with its version.
 *
 * Everything up to the end of what is loaded keeps its bytes and its place; behind it come a new section name table
 * and the headers of the loaded sections. Only three fields of the ELF header change, where those are and how many.
 */
import { ElfError } from "./error.ts";
import { readElf, SECTION_HEADER_BYTES, SHF_ALLOC, SHT_NOBITS } from "./read.ts";
import { setSectionHeaders } from "./section-headers.ts";

const SHT_STRTAB = 3;

/** @throws ElfError for a file whose unloaded sections are not all at the end (numbers of sections are referred to) */
export function stripElf(file: string, data: Buffer): Buffer {
  const { sections, segments } = readElf(file, data);
  const kept = sections.filter(({ flags }, index) => index === 0 || (flags & SHF_ALLOC) !== 0);
  if (kept.some((section, index) => section !== sections[index])) {
    throw new ElfError(file, "an unloaded section stands before a loaded one; cannot be stripped without renumbering");
  }
  const loadedEnd = Math.max(
    ...segments.map(({ offset, fileBytes }) => offset + fileBytes),
    ...kept.map(({ type, offset, size }) => (type === SHT_NOBITS ? 0 : offset + size)),
  );
  if (loadedEnd > data.length) throw new ElfError(file, "a segment reaches past the end (truncated?)");

  const names = [...kept.map(({ name }) => name), ".shstrtab"];
  const nameTable = Buffer.from(`${names.join("\0")}\0`, "latin1");
  const headersAt = Math.ceil((loadedEnd + nameTable.length) / 8) * 8;
  const stripped = Buffer.alloc(headersAt + names.length * SECTION_HEADER_BYTES);
  data.copy(stripped, 0, 0, loadedEnd);
  nameTable.copy(stripped, loadedEnd);

  let nameAt = 0;
  names.forEach((name, index) => {
    const at = headersAt + index * SECTION_HEADER_BYTES;
    const section = kept[index];
    if (section !== undefined) {
      data.copy(stripped, at, section.headerAt, section.headerAt + SECTION_HEADER_BYTES);
    } else {
      stripped.writeUInt32LE(SHT_STRTAB, at + 4);
      stripped.writeBigUInt64LE(BigInt(loadedEnd), at + 24);
      stripped.writeBigUInt64LE(BigInt(nameTable.length), at + 32);
      stripped.writeBigUInt64LE(1n, at + 48);
    }
    stripped.writeUInt32LE(nameAt, at);
    nameAt += name.length + 1;
  });
  setSectionHeaders(stripped, headersAt, names.length);
  return stripped;
}
