/**
 * Tables of texts in the generated matcher: from a part of a request's path to the number of the same text, without
 * making a string of that part. A Map needs one, hashes it, and looks in three places for it; here the hash is made
 * while the part's end is looked for, and the texts lie in one string. A table is at most half full, and is never
 * written after the start: nothing that a client sends can make it slow.
 */
import { literal, type Text } from "./text.ts";

/** FNV-1a, of char codes. */
const COMMON = `function mix(hash: number, code: number): number {
  return Math.imul(hash ^ code, 0x01000193);
}

const EMPTY_HASH = 0x811c9dc5 | 0;

/** Whether \`text[at, end)\` stands in \`all\` at \`start\`. */
function standsAt(all: string, start: number, text: string, at: number, end: number): boolean {
  for (let i = at; i < end; i++) {
    if (all.charCodeAt(start + i - at) !== text.charCodeAt(i)) return false;
  }
  return true;
}`.split("\n");

/** What all tables of a matcher share. */
export function emitTextsCommon(out: Text): void {
  out.line();
  for (const line of COMMON) out.line(line);
}

const TABLE = `const NAMEJoined: string = NAME.join("");
const NAMEStarts: Int32Array = new Int32Array(NAME.length + 1);
/** Each text's number and one, at its hash or the next free place behind it; 0 for a free place. */
const NAMESlots: Int32Array = new Int32Array(SLOTS);
for (let number = 0; number < NAME.length; number++) {
  const text = NAME[number]!;
  NAMEStarts[number + 1] = NAMEStarts[number]! + text.length;
  let hash = EMPTY_HASH;
  for (let i = 0; i < text.length; i++) hash = mix(hash, text.charCodeAt(i));
  let slot = (hash ^ (hash >>> 15)) & MASK;
  while (NAMESlots[slot] !== 0) slot = (slot + 1) & MASK;
  NAMESlots[slot] = number + 1;
}

/** The number of \`text[at, end)\`, whose hash is given; -1 if it is none of them. */
function NAMENumber(text: string, at: number, end: number, hash: number): number {
  for (let slot = (hash ^ (hash >>> 15)) & MASK; ; slot = (slot + 1) & MASK) {
    const number = NAMESlots[slot]! - 1;
    if (number < 0) return -1;
    const start = NAMEStarts[number]!;
    if (NAMEStarts[number + 1]! - start === end - at && standsAt(NAMEJoined, start, text, at, end)) return number;
  }
}`.split("\n");

/** A table of different texts; a text's number is its index. */
export function emitTexts(out: Text, name: string, entries: readonly { text: string; comment: string }[]): void {
  out.block(
    `const ${name}: readonly string[] = [`,
    () => {
      for (const { text, comment } of entries) {
        if (comment !== "") out.comment(comment);
        out.line(`${literal(text)},`);
      }
    },
    "];",
  );
  const slots = 2 ** (Math.ceil(Math.log2(entries.length + 1)) + 1);
  for (const line of TABLE) {
    out.line(
      line
        .replaceAll("NAME", name)
        .replace("SLOTS", String(slots))
        .replaceAll("MASK", String(slots - 1)),
    );
  }
}
