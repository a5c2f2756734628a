/**
 * Gives an executable a note, behind everything it has, by changing two fields of its ELF header: where the tables of
 * segments and sections are, and how long. The tables move in front of the note, with what makes it known to the loader
 * and to tools, so that even `strip` keeps it:
 *
 *     │ runtime: the same bytes whatever is attached │ segments │ sections, their names │ note: name, content │
 *     0                                              at, a multiple of 64 KiB                               end
 *
 * postject, which does this for others, rewrites symbol, relocation and section tables through a general ELF library,
 * 837 pages of a runtime, in two seconds and 800 MB.
 *
 * The segments' table must be as far from the file's start in memory as in the file (program-headers.ts), and with it
 * what is attached. That place is free only if something was cut out of the file before (cut.ts).
 */
import { ElfError } from "./error.ts";
import { encodeProgramHeaders, findBase, insertLoaded, PAGE_BYTES_MAX, setProgramHeaders } from "./program-headers.ts";
import {
  type Elf,
  PT_LOAD,
  PT_NOTE,
  SECTION_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  type Segment,
  SHF_ALLOC,
} from "./read.ts";
import { copySection, encodeSection, placeSection, SHT_NOTE, setSectionHeaders } from "./section-headers.ts";

const PF_R = 4;

export interface Attached {
  /** The ELF header as it must be then. */
  readonly header: Buffer;
  /** Where `payload` goes; zeroes up to there. */
  readonly at: number;
  readonly payload: Buffer;
}

/**
 * @param elf an executable whose last section is the one of names, as stripElf leaves it
 * @throws ElfError if there is no room in memory
 */
export function attachNote(elf: Elf, name: string, content: Buffer): Attached {
  const at = roundUp(elf.bytes.data.length, PAGE_BYTES_MAX);
  const sectionsAt = at + (elf.segments.length + 2) * SEGMENT_HEADER_BYTES;
  const namesAt = sectionsAt + (elf.sections.length + 1) * SECTION_HEADER_BYTES;
  const lastNames = elf.sections.at(-1)!;
  const names = Buffer.concat([elf.bytes.slice(lastNames.offset, lastNames.size), Buffer.from(`${name}\0`)]);
  const noteAt = roundUp(namesAt + names.length, 4);
  const note = encodeNote(name, content);

  const loaded = place(elf, PT_LOAD, at, noteAt + note.length - at, PAGE_BYTES_MAX);
  checkRoom(elf, loaded);
  const segments = [...insertLoaded(elf.segments, loaded), place(elf, PT_NOTE, noteAt, note.length, 4)];
  const noted = { offset: noteAt, address: findBase(elf) + noteAt, size: note.length };
  const sections = [
    ...elf.sections.slice(0, -1).map((section) => copySection(elf, section)),
    encodeSection(lastNames.size, { type: SHT_NOTE, flags: SHF_ALLOC, ...noted }, 4),
    placeSection(copySection(elf, lastNames), { offset: namesAt, address: 0, size: names.length }),
  ];

  const payload = Buffer.alloc(noteAt + note.length - at);
  encodeProgramHeaders(elf, segments, at).copy(payload);
  Buffer.concat(sections).copy(payload, sectionsAt - at);
  names.copy(payload, namesAt - at);
  note.copy(payload, noteAt - at);
  const header = Buffer.from(elf.bytes.slice(0, 64));
  setProgramHeaders(header, at, segments.length);
  setSectionHeaders(header, sectionsAt, sections.length);
  return { header, at, payload };
}

function place(elf: Elf, type: number, offset: number, bytes: number, align: number): Segment {
  return { type, flags: PF_R, offset, address: findBase(elf) + offset, fileBytes: bytes, memoryBytes: bytes, align };
}

/** gABI "Note Section": sizes of name and content, type 0, the name with its NUL, the content, both padded to 4. */
function encodeNote(name: string, content: Buffer): Buffer {
  const nameBytes = name.length + 1;
  const contentAt = 12 + roundUp(nameBytes, 4);
  const note = Buffer.alloc(contentAt + roundUp(content.length, 4));
  note.writeUInt32LE(nameBytes, 0);
  note.writeUInt32LE(content.length, 4);
  note.write(name, 12, "latin1");
  content.copy(note, contentAt);
  return note;
}

function checkRoom(elf: Elf, { address, memoryBytes }: Segment): void {
  for (const segment of elf.segments) {
    if (segment.type !== PT_LOAD || segment.address + segment.memoryBytes <= address) continue;
    const room = Math.floor(segment.address / PAGE_BYTES_MAX) * PAGE_BYTES_MAX - address;
    if (room >= memoryBytes) continue;
    throw new ElfError(
      elf.file,
      `no room to attach ${memoryBytes} bytes: ${Math.max(room, 0)} are free at their place`,
    );
  }
}

function roundUp(number: number, multiple: number): number {
  return Math.ceil(number / multiple) * multiple;
}
