/**
 * One block of memory that all upstream connections read into, laid out so that an answer can be handled in place:
 *
 * ```
 * | out: answer head on its way to the client | stash room | bytes just read from an upstream |
 * 0                                    STASH_AT     READ_AT                             SLAB_BYTES
 * ```
 *
 * A read's bytes are consumed before the callback returns, so one read area serves every socket. When the head of an
 * answer came in pieces, the pieces kept aside are copied in front of the new bytes, ending at READ_AT: the parser
 * always sees one contiguous range. Kept field lines move to `out` with `copyWithin`, which allocates nothing.
 */
import { READ_BYTES, RESPONSE_HEAD_ADDED_BYTES, RESPONSE_HEAD_BYTES_MAX } from "#generated/constants.ts";

/** Via and Connection, which the core itself adds to an answer's head. */
const CORE_ADDED_BYTES = 256;
export const OUT_BYTES = RESPONSE_HEAD_BYTES_MAX + RESPONSE_HEAD_ADDED_BYTES + CORE_ADDED_BYTES;
const STASH_AT = OUT_BYTES;
export const READ_AT = STASH_AT + RESPONSE_HEAD_BYTES_MAX;
const SLAB_BYTES = READ_AT + READ_BYTES;

export const slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
/** The part of the slab that answer heads are put together in. */
export const out = slab.subarray(0, OUT_BYTES);
/** The part that sockets read into. */
export const readArea = slab.subarray(READ_AT);

/** Longest head whose view is kept; a thousand views at the most. */
const KEPT_VIEW_BYTES = 1024;
const headViews: Uint8Array[] = [];

/** `out[0, length)`. Heads of like answers are of like length, so their views are made once. */
export function headView(length: number): Uint8Array {
  if (length > KEPT_VIEW_BYTES) return viewOf(0, length);
  headViews[length] ??= viewOf(0, length);
  return headViews[length];
}

/** Longest body whose view is kept, and how many such views are kept. */
const KEPT_BODY_BYTES = 4096;
const KEPT_BODIES = 64;
const bodyViews: Uint8Array[] = Array.from({ length: KEPT_BODIES }, () => viewOf(0, 0));

/** `slab[start, end)`. Small answers of like shape follow each other, so their views are kept as long as they fit. */
export function bodyBytes(start: number, end: number): Uint8Array {
  const length = end - start;
  if (length > KEPT_BODY_BYTES) return viewOf(start, end);
  const index = (start ^ length) % KEPT_BODIES;
  const kept = bodyViews[index]!;
  if (kept.byteOffset === slab.byteOffset + start && kept.length === length) return kept;
  const view = viewOf(start, end);
  bodyViews[index] = view;
  return view;
}

/** `slab[start, end)` */
export function viewOf(start: number, end: number): Uint8Array {
  return new Uint8Array(slab.buffer, slab.byteOffset + start, end - start);
}
