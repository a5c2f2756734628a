/**
 * Body windows: fixed buffers for bytes that one side has given and the other cannot take yet. Pooled and bounded; an exchange that needs one when all are in use is ended (503, or a cut), so memory never grows past it.
 */
import { READ_BYTES, REQUEST_HEAD_BYTES, WINDOWS_MAX } from "#generated/constants.ts";

/** The packed uWebSockets.js reads at most this much from a client before a pause holds (build/addon/bound-reads.ts). */
const CLIENT_READ_BYTES = 64 * 1024;
/** Room in front for a request's head and a chunk's size line, and behind for its CRLF and the last chunk. */
export const WINDOW_AT = REQUEST_HEAD_BYTES + 16;
const WINDOW_TAIL_BYTES = 16;
export const WINDOW_END = WINDOW_AT + CLIENT_READ_BYTES;
/** From an upstream comes the body alone. */
export const WINDOW_BYTES = Math.max(WINDOW_END + WINDOW_TAIL_BYTES, READ_BYTES);

/** Windows that keep their memory while nobody uses them. */
const KEPT = 8;

/** Ordinary buffers: work on a resizable one costs several times as much. Enough while no peer is slow. */
const kept: Buffer[] = [];
/**
 * Resizable buffers for when peers are slow, because shrinking one to nothing gives its pages back to the system at
 * once. Ordinary ones would live until the next major collection, which small requests never bring about, and then stay
 * in malloc's arena.
 */
const emptied: Buffer[] = [];
let made = 0;

/** A window with undefined content, or null when WINDOWS_MAX are in use. */
export function takeWindow(): Buffer | null {
  return kept.pop() ?? (made < KEPT ? makeWindow() : (refill(emptied.pop()) ?? makeWindow()));
}

function refill(window: Buffer | undefined): Buffer | undefined {
  // The view is of full length again with its buffer.
  if (window !== undefined) (window.buffer as ArrayBuffer).resize(WINDOW_BYTES);
  return window;
}

function makeWindow(): Buffer | null {
  if (made === WINDOWS_MAX) return null;
  made += 1;
  if (made <= KEPT) return Buffer.allocUnsafeSlow(WINDOW_BYTES);
  return Buffer.from(new ArrayBuffer(WINDOW_BYTES, { maxByteLength: WINDOW_BYTES }), 0, WINDOW_BYTES);
}

export function giveWindow(window: Buffer): void {
  const buffer = window.buffer as ArrayBuffer;
  if (buffer.resizable) {
    buffer.resize(0);
    emptied.push(window);
  } else kept.push(window);
}
