/**
 * Body windows: fixed buffers for body bytes that one side has given and the other cannot take yet. Pooled and
 * bounded; an exchange that needs one when all are in use is ended (503, or a cut), so memory never grows past it.
 */
import { REQUEST_HEAD_BYTES, WINDOWS_MAX } from "#generated/constants.ts";

/** The packed uWebSockets.js reads at most this much from a client before a pause holds (build/bound-reads.ts). */
const READ_BYTES_MAX = 64 * 1024;
/** Room in front for a request's head and a chunk's size line, and behind for its CRLF and the last chunk. */
export const WINDOW_AT = REQUEST_HEAD_BYTES + 16;
const WINDOW_TAIL_BYTES = 16;
export const WINDOW_END = WINDOW_AT + READ_BYTES_MAX;
const WINDOW_BYTES = WINDOW_AT + READ_BYTES_MAX + WINDOW_TAIL_BYTES;

/** Windows kept for reuse; others go back to the system, so that a storm leaves no memory behind. */
const KEPT = 2;

const kept: Buffer[] = [];
let taken = 0;

/** A window with undefined content, or null when WINDOWS_MAX are in use. Untouched pages cost nothing. */
export function takeWindow(): Buffer | null {
  if (taken === WINDOWS_MAX) return null;
  taken += 1;
  return kept.pop() ?? Buffer.allocUnsafeSlow(WINDOW_BYTES);
}

export function giveWindow(window: Buffer): void {
  taken -= 1;
  if (kept.length < KEPT) kept.push(window);
}
