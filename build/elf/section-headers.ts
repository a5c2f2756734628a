/** The table that tools read an executable by: binutils, debuggers, strip. The kernel and the loader do not. */
import { type Elf, SECTION_HEADER_BYTES, type Section } from "./read.ts";

export const SHT_NOTE = 7;

/** A header; its fields that are not given here are zero. */
export function encodeSection(nameAt: number, section: Omit<Section, "name" | "headerAt">, align: number): Buffer {
  const header = Buffer.alloc(SECTION_HEADER_BYTES);
  header.writeUInt32LE(nameAt, 0);
  header.writeUInt32LE(section.type, 4);
  header.writeBigUInt64LE(BigInt(section.flags), 8);
  return placeSection(header, section).fill(align, 48, 49);
}

/** Changes where a header's section is, in memory and in the file. */
export function placeSection(header: Buffer, place: Pick<Section, "address" | "offset" | "size">): Buffer {
  header.writeBigUInt64LE(BigInt(place.address), 16);
  header.writeBigUInt64LE(BigInt(place.offset), 24);
  header.writeBigUInt64LE(BigInt(place.size), 32);
  return header;
}

/** A copy of a section's header. */
export function copySection(elf: Elf, { headerAt }: Section): Buffer {
  return Buffer.from(elf.bytes.slice(headerAt, SECTION_HEADER_BYTES));
}

/** Lets the ELF header say where the table is; the section of names is the last in it. */
export function setSectionHeaders(header: Buffer, offset: number, count: number): void {
  header.writeBigUInt64LE(BigInt(offset), 40);
  header.writeUInt16LE(count, 60);
  header.writeUInt16LE(count - 1, 62);
}
