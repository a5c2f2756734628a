/**
 * Writing text into fixed buffers. Every `put…` returns the offset after what it would have written, whether it fitted
 * or not, and writes nothing that does not fit; the owner of the buffer compares the final offset with its length
 * once. So an overflow is an answer (431, 502), never a silent cut and never an exception.
 */

/** Up to here a loop is quicker than a call out of JavaScript. */
const LOOP_BYTES = 24;

/** Text whose characters are all below 0x100; one byte each. */
export function putText(out: Buffer, at: number, text: string): number {
  const end = at + text.length;
  if (end > out.length) return end;
  if (text.length > LOOP_BYTES) out.latin1Write(text, at);
  else for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i);
  return end;
}

/** Any text, as UTF-8. */
export function putUtf8(out: Buffer, at: number, text: string): number {
  const end = at + Buffer.byteLength(text);
  if (end <= out.length) out.utf8Write(text, at);
  return end;
}

/** Bytes encoded beforehand. */
export function putBytes(out: Buffer, at: number, bytes: Uint8Array): number {
  const end = at + bytes.length;
  if (end <= out.length) out.set(bytes, at);
  return end;
}

/** The decimal digits of a whole number below 2^53. */
export function putDecimal(out: Buffer, at: number, value: number): number {
  return putText(out, at, String(value));
}
