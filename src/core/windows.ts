/**
 * Body windows: fixed buffers for bytes that one side has given and the other cannot take yet. Pooled and bounded; an exchange that needs one when all are in use is ended (503, or a cut), so memory never grows past it.
 */
import { REQUEST_HEAD_BYTES, WINDOWS_MAX } from "#generated/constants.ts";

/** The packed uWebSockets.js reads at most this much from a client before a pause holds (build/bound-reads.ts). */
const READ_BYTES_MAX = 64 * 1024;
/** Room in front for a request's head and a chunk's size line, and behind for its CRLF and the last chunk. */
export const WINDOW_AT = REQUEST_HEAD_BYTES + 16;
const WINDOW_TAIL_BYTES = 16;
export const WINDOW_END = WINDOW_AT + READ_BYTES_MAX;
const WINDOW_BYTES = WINDOW_AT + READ_BYTES_MAX + WINDOW_TAIL_BYTES;

/**
 * One block for all windows, made when the first is wanted. Small ones of their own would live until the next major
 * collection, which small requests never bring about, and then stay in malloc's arena.
 */
let block: Buffer | undefined;
const made: Buffer[] = [];
const free: Buffer[] = [];

/** A window with undefined content, or null when WINDOWS_MAX are in use. Pages that were never used cost nothing. */
export function takeWindow(): Buffer | null {
  const window = free.pop();
  if (window !== undefined) return window;
  if (made.length === WINDOWS_MAX) return null;
  block ??= Buffer.allocUnsafeSlow(WINDOWS_MAX * WINDOW_BYTES);
  const at = made.length * WINDOW_BYTES;
  const next = block.subarray(at, at + WINDOW_BYTES);
  made.push(next);
  return next;
}

export function giveWindow(window: Buffer): void {
  free.push(window);
}
