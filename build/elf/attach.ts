/**
 * Gives an executable a note segment, behind everything it has, by changing ten bytes of it: where its program headers
 * are, and how many. They move in front of the note, with two more:
 *
 *     │ runtime: the same bytes whatever is attached │ program headers │ note: name, content │
 *     0                                              at, a multiple of 64 KiB               end
 *
 * postject, which does this for others, rewrites symbol, relocation and section tables through a general ELF library,
 * 837 pages of a runtime, in two seconds and 800 MB.
 *
 * The program headers must be as far from the file's start in memory as in the file (program-headers.ts), and with
 * them what is attached. That place is free only if something was cut out of the file before (cut.ts).
 */
import { ElfError } from "./error.ts";
import { encodeProgramHeaders, findBase, insertLoaded, PAGE_BYTES_MAX, setProgramHeaders } from "./program-headers.ts";
import { type Elf, PT_LOAD, PT_NOTE, SEGMENT_HEADER_BYTES, type Segment } from "./read.ts";

const PF_R = 4;

export interface Attached {
  /** The ELF header as it must be then. */
  readonly header: Buffer;
  /** Where `payload` goes; zeroes up to there. */
  readonly at: number;
  readonly payload: Buffer;
}

/** @throws ElfError if there is no room in memory */
export function attachNote(elf: Elf, name: string, content: Buffer): Attached {
  const at = Math.ceil(elf.bytes.data.length / PAGE_BYTES_MAX) * PAGE_BYTES_MAX;
  const tableBytes = (elf.segments.length + 2) * SEGMENT_HEADER_BYTES;
  const note = encodeNote(name, content);
  const bytes = tableBytes + note.length;
  const loaded = place(elf, PT_LOAD, at, bytes, PAGE_BYTES_MAX);
  checkRoom(elf, loaded);
  const segments = [...insertLoaded(elf.segments, loaded), place(elf, PT_NOTE, at + tableBytes, note.length, 4)];
  const header = Buffer.from(elf.bytes.slice(0, 64));
  setProgramHeaders(header, at, segments.length);
  return { header, at, payload: Buffer.concat([encodeProgramHeaders(elf, segments, at), note]) };
}

function place(elf: Elf, type: number, offset: number, bytes: number, align: number): Segment {
  return { type, flags: PF_R, offset, address: findBase(elf) + offset, fileBytes: bytes, memoryBytes: bytes, align };
}

/** gABI "Note Section": sizes of name and content, type 0, the name with its NUL, the content, both padded to 4. */
function encodeNote(name: string, content: Buffer): Buffer {
  const nameBytes = name.length + 1;
  const contentAt = 12 + Math.ceil(nameBytes / 4) * 4;
  const note = Buffer.alloc(contentAt + Math.ceil(content.length / 4) * 4);
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
