/** Finds a note by name in the loaded note segments, where the runtime looks for its own payload. */
import type { Elf } from "./read.ts";
import { PT_NOTE } from "./read.ts";

/** @returns the note's content, or undefined; gABI "Note Section": sizes of name and content, type, then both padded to 4 */
export function findNote(elf: Elf, wanted: string): Buffer | undefined {
  const { bytes } = elf;
  for (const segment of elf.segments) {
    if (segment.type !== PT_NOTE) continue;
    const end = segment.offset + segment.fileBytes;
    for (let at = segment.offset; at + 12 <= end; ) {
      const nameBytes = bytes.u32(at);
      const contentBytes = bytes.u32(at + 4);
      const contentAt = at + 12 + Math.ceil(nameBytes / 4) * 4;
      const name = bytes.slice(at + 12, nameBytes).toString("latin1");
      if (name === wanted || name === `${wanted}\0`) return bytes.slice(contentAt, contentBytes);
      at = contentAt + Math.ceil(contentBytes / 4) * 4;
    }
  }
  return undefined;
}
