/**
 * What of a new file is in an old one: the new one as pieces, each a stretch of the old file or bytes of its own.
 *
 * The common start and end come first, which for two gateways of one runtime leaves the payload's few changed places
 * and what moved by some bytes between them. There the old file's blocks are looked up by a rolling hash (Rabin, Karp
 * 1987; as rsync does it), and a block found is grown both ways as far as the files agree.
 */

export interface Piece {
  readonly from: "old" | "new";
  /** In that file. */
  readonly offset: number;
  readonly length: number;
}

const BLOCK_BYTES = 128;
/** A shorter stretch is not worth the three processes that copy it on the device. */
const COPY_BYTES_MIN = 2048;
/** Any odd number that spreads. */
const FACTOR = 0x01000193;

/** The pieces in order; together they are `fresh`. */
export function findPieces(old: Buffer, fresh: Buffer): Piece[] {
  const limit = Math.min(old.length, fresh.length);
  const start = countEqual(old, 0, fresh, 0, limit);
  const end = countEqualBackwards(old, old.length, fresh, fresh.length, limit - start);
  const pieces: Piece[] = [];
  add(pieces, "old", 0, start);
  findInside(old.subarray(0, old.length - end), fresh.subarray(0, fresh.length - end), start, pieces);
  add(pieces, "old", old.length - end, end);
  return pieces;
}

/** Pieces of `fresh` from `start` on. */
function findInside(old: Buffer, fresh: Buffer, start: number, pieces: Piece[]): void {
  const blocks = new Map<number, number>();
  for (let at = start; at + BLOCK_BYTES <= old.length; at += BLOCK_BYTES) blocks.set(hashBlock(old, at), at);
  // FACTOR to the power of BLOCK_BYTES - 1: the weight of the byte that leaves.
  let weight = 1;
  for (let i = 1; i < BLOCK_BYTES; i++) weight = Math.imul(weight, FACTOR);

  let done = start;
  let at = start;
  let hash = at + BLOCK_BYTES <= fresh.length ? hashBlock(fresh, at) : 0;
  while (at + BLOCK_BYTES <= fresh.length) {
    const found = blocks.get(hash);
    const copy = found === undefined ? undefined : grow(old, found, fresh, at, start, done);
    if (copy !== undefined && copy.length >= COPY_BYTES_MIN) {
      add(pieces, "new", done, copy.at - done);
      add(pieces, "old", copy.offset, copy.length);
      done = copy.at + copy.length;
      at = done;
      if (at + BLOCK_BYTES <= fresh.length) hash = hashBlock(fresh, at);
    } else {
      hash = Math.imul(hash - Math.imul(fresh[at]!, weight), FACTOR) + (fresh[at + BLOCK_BYTES] ?? 0);
      hash |= 0;
      at++;
    }
  }
  add(pieces, "new", done, fresh.length - done);
}

/** The longest stretch around two equal blocks, which may not reach back into what is `done`. */
function grow(old: Buffer, found: number, fresh: Buffer, at: number, start: number, done: number) {
  const forward = countEqual(old, found, fresh, at, Math.min(old.length - found, fresh.length - at));
  if (forward < BLOCK_BYTES) return undefined; // only the hashes are equal
  const back = countEqualBackwards(old, found, fresh, at, Math.min(found - start, at - done));
  return { at: at - back, offset: found - back, length: back + forward };
}

function hashBlock(data: Buffer, at: number): number {
  let hash = 0;
  for (let i = at; i < at + BLOCK_BYTES; i++) hash = (Math.imul(hash, FACTOR) + data[i]!) | 0;
  return hash;
}

/** How many bytes agree from two places on, `limit` at the most. */
function countEqual(a: Buffer, aAt: number, b: Buffer, bAt: number, limit: number): number {
  const step = 65_536;
  let count = 0;
  while (
    count + step <= limit &&
    a.compare(b, bAt + count, bAt + count + step, aAt + count, aAt + count + step) === 0
  ) {
    count += step;
  }
  while (count < limit && a[aAt + count] === b[bAt + count]) count++;
  return count;
}

/** The same before two places. */
function countEqualBackwards(a: Buffer, aEnd: number, b: Buffer, bEnd: number, limit: number): number {
  let count = 0;
  while (count < limit && a[aEnd - count - 1] === b[bEnd - count - 1]) count++;
  return count;
}

function add(pieces: Piece[], from: Piece["from"], offset: number, length: number): void {
  if (length > 0) pieces.push({ from, offset, length });
}
