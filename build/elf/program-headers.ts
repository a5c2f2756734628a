/**
 * The table that the kernel maps an executable by. Moving it is how an executable gets more segments than its linker
 * foresaw. Three readers must find it: the kernel, through the ELF header; the loader and dl_iterate_phdr, through
 * AT_PHDR, which kernels before 5.18 and qemu compute as the first segment's address + e_phoff. So wherever the table
 * goes, its address must be that far from the start, too.
 */
import { ElfError } from "./error.ts";
import { type Elf, PT_LOAD, PT_PHDR, SEGMENT_HEADER_BYTES, type Segment } from "./read.ts";

/** Largest page of a Linux on the two machines: what is mapped by itself begins at a multiple, in file and memory. */
export const PAGE_BYTES_MAX = 65_536;

/** The address of the file's first byte. */
export function findBase(elf: Elf): number {
  const first = elf.segments.find(({ type }) => type === PT_LOAD);
  if (first === undefined || first.offset !== 0) throw new ElfError(elf.file, "its first segment is not its start");
  return first.address;
}

/** The table for `segments` as it stands at `offset`, its own entry changed to say so. */
export function encodeProgramHeaders(elf: Elf, segments: readonly Segment[], offset: number): Buffer {
  const table = Buffer.alloc(segments.length * SEGMENT_HEADER_BYTES);
  const own = { offset, address: findBase(elf) + offset, fileBytes: table.length, memoryBytes: table.length };
  segments.forEach((segment, index) => {
    const at = index * SEGMENT_HEADER_BYTES;
    const { type, flags, offset, address, fileBytes, memoryBytes, align } =
      segment.type === PT_PHDR ? { ...segment, ...own } : segment;
    table.writeUInt32LE(type, at);
    table.writeUInt32LE(flags, at + 4);
    // The physical address, the second of the two, is always the same here.
    [offset, address, address, fileBytes, memoryBytes, align].forEach((number, field) => {
      table.writeBigUInt64LE(BigInt(number), at + 8 + field * 8);
    });
  });
  return table;
}

/** Lets the ELF header say where the table is. */
export function setProgramHeaders(header: Buffer, offset: number, count: number): void {
  header.writeBigUInt64LE(BigInt(offset), 32);
  header.writeUInt16LE(count, 56);
}

/** `added` among the loaded ones in the order of addresses, which the gABI asks for. */
export function insertLoaded(segments: readonly Segment[], added: Segment): Segment[] {
  const next = segments.findIndex(({ type, address }) => type === PT_LOAD && address > added.address);
  return segments.toSpliced(next === -1 ? segments.length : next, 0, added);
}
