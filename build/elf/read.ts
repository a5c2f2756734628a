/**
 * Reads an ELF file's headers: sections, segments and the dynamic table, for the two machines a gateway is built for.
 * Layout: System V gABI chapters 4 and 5, elf(5). Everything else in this folder starts from what this returns.
 */
import { Bytes } from "./bytes.ts";
import { ElfError } from "./error.ts";

export type Machine = "x64" | "arm64";

export interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  /** Where its 64-byte header stands in the file. */
  readonly headerAt: number;
}

export interface Segment {
  readonly type: number;
  /** PF_*: 1 executable, 2 writable, 4 readable. */
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileBytes: number;
  /** What the file does not have of it is zero. */
  readonly memoryBytes: number;
  readonly align: number;
}

export interface Elf {
  readonly file: string;
  readonly bytes: Bytes;
  readonly machine: Machine;
  /** 2 an executable at fixed addresses, 3 a shared object or position-independent executable. */
  readonly type: number;
  readonly sections: readonly Section[];
  readonly segments: readonly Segment[];
  /** DT_* tag → value; DT_NEEDED, which may repeat, only its last. */
  readonly dynamic: ReadonlyMap<number, number>;
}

export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_NOTE = 4;
export const PT_PHDR = 6;
export const SHT_NOBITS = 8;
export const SHT_DYNSYM = 11;
export const SHF_ALLOC = 2;
export const SECTION_HEADER_BYTES = 64;
export const SEGMENT_HEADER_BYTES = 56;
const MACHINES: Readonly<Record<number, Machine>> = { 62: "x64", 183: "arm64" };

/** @throws ElfError for anything but a whole 64-bit little-endian x86-64 or AArch64 executable or shared object */
export function readElf(file: string, data: Buffer): Elf {
  const bytes = new Bytes(file, data);
  if (data.length < 64 || data.readUInt32BE(0) !== 0x7f454c46) throw new ElfError(file, "not an ELF file");
  if (bytes.u8(4) !== 2 || bytes.u8(5) !== 1) throw new ElfError(file, "not a 64-bit little-endian ELF file");
  const machine = MACHINES[bytes.u16(18)];
  if (machine === undefined) {
    throw new ElfError(file, `machine type ${bytes.u16(18)}; expected 62 (x86-64) or 183 (AArch64)`);
  }
  const type = bytes.u16(16);
  if (type !== 2 && type !== 3) throw new ElfError(file, `ELF type ${type}; expected an executable or shared object`);
  const segments = readSegments(bytes);
  return { file, bytes, machine, type, sections: readSections(bytes), segments, dynamic: readDynamic(bytes, segments) };
}

function readSections(bytes: Bytes): Section[] {
  const start = bytes.u64(40);
  const count = bytes.u16(60);
  if (count === 0) throw new ElfError(bytes.file, "no section headers (sstrip-ped?); they are needed here");
  if (bytes.u16(58) !== SECTION_HEADER_BYTES) throw new ElfError(bytes.file, "section headers of an unknown size");
  bytes.within(start, count * SECTION_HEADER_BYTES);
  const names = start + bytes.u16(62) * SECTION_HEADER_BYTES;
  const namesAt = bytes.u64(names + 24);
  const namesEnd = namesAt + bytes.u64(names + 32);
  return Array.from({ length: count }, (_, index) => {
    const headerAt = start + index * SECTION_HEADER_BYTES;
    const section: Section = {
      // Section 0 is the empty one and has no name.
      name: index === 0 ? "" : bytes.name(namesAt + bytes.u32(headerAt), namesEnd),
      type: bytes.u32(headerAt + 4),
      flags: bytes.u64(headerAt + 8),
      address: bytes.u64(headerAt + 16),
      offset: bytes.u64(headerAt + 24),
      size: bytes.u64(headerAt + 32),
      headerAt,
    };
    if (section.type !== SHT_NOBITS) bytes.within(section.offset, section.size);
    return section;
  });
}

function readSegments(bytes: Bytes): Segment[] {
  const start = bytes.u64(32);
  const count = bytes.u16(56);
  if (bytes.u16(54) !== SEGMENT_HEADER_BYTES) throw new ElfError(bytes.file, "program headers of an unknown size");
  bytes.within(start, count * SEGMENT_HEADER_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * SEGMENT_HEADER_BYTES;
    const segment: Segment = {
      type: bytes.u32(at),
      flags: bytes.u32(at + 4),
      offset: bytes.u64(at + 8),
      address: bytes.u64(at + 16),
      fileBytes: bytes.u64(at + 32),
      memoryBytes: bytes.u64(at + 40),
      align: bytes.u64(at + 48),
    };
    if (segment.type === PT_LOAD) bytes.within(segment.offset, segment.fileBytes);
    return segment;
  });
}

function readDynamic(bytes: Bytes, segments: readonly Segment[]): Map<number, number> {
  const segment = segments.find(({ type }) => type === PT_DYNAMIC);
  if (segment === undefined) throw new ElfError(bytes.file, "not dynamically linked");
  const dynamic = new Map<number, number>();
  for (let at = segment.offset; at + 16 <= segment.offset + segment.fileBytes; at += 16) {
    const tag = bytes.u32(at);
    if (tag === 0) break;
    dynamic.set(tag, bytes.u64(at + 8));
  }
  return dynamic;
}

/** Where the loader's `address` stands in the file. */
export function offsetOf(elf: Elf, address: number): number {
  const segment = elf.segments.find(
    (s) => s.type === PT_LOAD && address >= s.address && address < s.address + s.fileBytes,
  );
  if (segment === undefined) {
    throw new ElfError(elf.file, `address 0x${address.toString(16)} is in no loaded segment (damaged file?)`);
  }
  return segment.offset + (address - segment.address);
}
