/** Reading a traceparent (W3C Trace Context 3.2): places are fixed, so nothing is cut out until all is well. */

/** Bits of the flags; all others are reserved. */
export const SAMPLED = 1;
export const RANDOM = 2;

/** `traceparent[TRACE_AT, TRACE_END)` is the trace's id. */
export const TRACE_AT = 3;
export const TRACE_END = 35;
const SPAN_AT = 36;
const SPAN_END = 52;
const FLAGS_AT = 53;
const LENGTH = 55;
/** Of a later version; a trace's id is kept as a part of it for as long as its request takes. */
const LENGTH_MAX = 256;

const DASH = 0x2d;
const ZERO = 0x30;

/** Version 00 as it is defined; a later one if it begins the same way, and goes on after a dash if at all (3.2.4). */
export function isTraceparent(text: string): boolean {
  if (text.length < LENGTH || text.length > LENGTH_MAX) return false;
  const version = hexByte(text, 0);
  if (version === -1 || version === 0xff) return false;
  if (text.length > LENGTH && (version === 0 || text.charCodeAt(LENGTH) !== DASH)) return false;
  return (
    text.charCodeAt(TRACE_AT - 1) === DASH &&
    isId(text, TRACE_AT, TRACE_END) &&
    text.charCodeAt(TRACE_END) === DASH &&
    isId(text, SPAN_AT, SPAN_END) &&
    text.charCodeAt(SPAN_END) === DASH &&
    hexByte(text, FLAGS_AT) !== -1
  );
}

/** Of one that is valid. */
export function flagsOf(traceparent: string): number {
  return hexByte(traceparent, FLAGS_AT);
}

/** Hex digits, lower case, not all zero. */
function isId(text: string, at: number, end: number): boolean {
  let zeros = true;
  for (let i = at; i < end; i++) {
    const c = text.charCodeAt(i);
    if (digitOf(c) === -1) return false;
    if (c !== ZERO) zeros = false;
  }
  return !zeros;
}

/** Two hex digits as a number, or -1. */
function hexByte(text: string, at: number): number {
  const high = digitOf(text.charCodeAt(at));
  const low = digitOf(text.charCodeAt(at + 1));
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

function digitOf(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  return c >= 0x61 && c <= 0x66 ? c - 0x57 : -1;
}
