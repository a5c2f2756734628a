/**
 * Takes read-only data that is not wanted out of an executable, out of its file as well as its memory, while everything
 * else keeps its address:
 *
 *     file before   │ head, code, data │   cut   │ data, writable data, section headers │
 *     file after    │ head, code, data │t│ data, writable data, section headers │
 *     memory after  │ head, code, data │t│ nothing │ data, writable data │
 *
 * Whoever reads what was cut gets SIGSEGV, never other data. What is left of the first page (t) takes the table of
 * program headers, which is longer by one, since the segment is now two.
 */
import { ElfError } from "./error.ts";
import { encodeProgramHeaders, insertLoaded, PAGE_BYTES_MAX, setProgramHeaders } from "./program-headers.ts";
import {
  type Elf,
  offsetOf,
  PT_LOAD,
  readElf,
  SECTION_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  type Section,
  type Segment,
  SHT_NOBITS,
} from "./read.ts";
import { copySection, placeSection, setSectionHeaders } from "./section-headers.ts";

const PF_W = 2;

/**
 * @param data an executable as stripElf leaves it: its section headers are the last in the file
 * @param from, to the addresses between which nothing is wanted; whole pages between them go, the rest becomes zero
 * @throws ElfError if there is not one page to cut, or where the cut would not leave everything else as it was
 */
export function cutElf(file: string, data: Buffer, from: number, to: number): Buffer {
  const elf = readElf(file, data);
  const segment = elf.segments.find(
    ({ type, address, fileBytes }) => type === PT_LOAD && address <= from && address + fileBytes > to,
  );
  if (segment === undefined || (segment.flags & PF_W) !== 0) throw new ElfError(file, "the cut is not read-only data");
  const tableAt = Math.ceil(offsetOf(elf, from) / 8) * 8;
  const tableEnd = tableAt + (elf.segments.length + 1) * SEGMENT_HEADER_BYTES;
  const cutFrom = roundUp(segment.address + (tableEnd - segment.offset));
  const cutTo = roundUp(to + 1) - PAGE_BYTES_MAX;
  const cutBytes = cutTo - cutFrom;
  if (cutBytes <= 0) throw new ElfError(file, "nothing to cut: not one whole page");
  const [headAt, tailAt] = [offsetOf(elf, cutFrom), offsetOf(elf, cutTo)];

  const sectionHeaders = cutSections(elf, { cutFrom, tailAt, cutBytes, to });
  const result = Buffer.concat([
    data.subarray(0, headAt),
    data.subarray(tailAt, elf.sections[0]!.headerAt),
    ...sectionHeaders,
  ]);
  result.fill(0, offsetOf(elf, from), headAt).fill(0, headAt, headAt + (to - cutTo));
  const segments = cutSegments(elf, segment, { cutFrom, cutTo, tailAt, cutBytes });
  encodeProgramHeaders(elf, segments, tableAt).copy(result, tableAt);
  setProgramHeaders(result, tableAt, segments.length);
  setSectionHeaders(result, elf.sections[0]!.headerAt - cutBytes, sectionHeaders.length);
  return result;
}

interface Cut {
  readonly cutFrom: number;
  readonly cutTo: number;
  /** Where what stays begins again in the file as it was. */
  readonly tailAt: number;
  readonly cutBytes: number;
}

function cutSegments(elf: Elf, cut: Segment, { cutFrom, cutTo, tailAt, cutBytes }: Cut): Segment[] {
  const end = cut.address + cut.fileBytes;
  const segments = elf.segments.map((segment) => {
    if (segment === cut) return { ...cut, fileBytes: cutFrom - cut.address, memoryBytes: cutFrom - cut.address };
    if (segment.offset < tailAt) return segment;
    if (segment.align > PAGE_BYTES_MAX) throw new ElfError(elf.file, "a segment behind the cut needs larger pages");
    return { ...segment, offset: segment.offset - cutBytes };
  });
  const rest = { ...cut, offset: tailAt - cutBytes, address: cutTo, fileBytes: end - cutTo, memoryBytes: end - cutTo };
  return insertLoaded(segments, rest);
}

/**
 * The new table of section headers. Symbols refer to sections by number, so none changes: the section that was cut ends
 * at the cut, and its rest, under the same name, comes behind all others but the last, the table of names.
 */
function cutSections(elf: Elf, { cutFrom, tailAt, cutBytes, to }: Omit<Cut, "cutTo"> & { to: number }): Buffer[] {
  const { bytes, sections } = elf;
  const isCut = ({ type, address, size }: Section) => type !== SHT_NOBITS && address < cutFrom && address + size >= to;
  const cut = sections.filter(isCut);
  const tableAt = sections[0]!.headerAt;
  if (cut.length !== 1 || tableAt + sections.length * SECTION_HEADER_BYTES !== bytes.data.length) {
    throw new ElfError(elf.file, "cannot be cut: strip it first, and cut within one section");
  }
  const headers = sections.map((section) => {
    const header = copySection(elf, section);
    return section.offset < tailAt ? header : placeSection(header, { ...section, offset: section.offset - cutBytes });
  });
  const { address, offset, size } = cut[0]!;
  const first = headers[sections.indexOf(cut[0]!)]!;
  const rest = placeSection(Buffer.from(first), {
    address: cutFrom + cutBytes,
    offset: tailAt - cutBytes,
    size: offset + size - tailAt,
  });
  placeSection(first, { address, offset, size: cutFrom - address });
  return headers.toSpliced(-1, 0, rest);
}

function roundUp(address: number): number {
  return Math.ceil(address / PAGE_BYTES_MAX) * PAGE_BYTES_MAX;
}
