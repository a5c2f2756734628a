/** Random hex digits for ids, drawn from the system in batches: one call of it for a hundred requests. */
import { randomFillSync } from "node:crypto";

const BATCH_BYTES = 2048;
let batch: Buffer | undefined;
let next = BATCH_BYTES;

/** @param bytes at most a few dozen; the text has twice as many digits */
export function randomHex(bytes: number): string {
  const at = draw(bytes);
  return batch!.hexSlice(at, at + bytes);
}

/** The same without making a text of it, see bytes.ts. */
export function putRandomHex(out: Buffer, at: number, bytes: number): number {
  const end = at + 2 * bytes;
  if (end > out.length) return end;
  const from = draw(bytes);
  for (let i = 0; i < bytes; i++) {
    const byte = batch![from + i]!;
    out[at + 2 * i] = digitOf(byte >> 4);
    out[at + 2 * i + 1] = digitOf(byte & 15);
  }
  return end;
}

/** Where in the batch that many bytes stand, which nobody else gets. */
function draw(bytes: number): number {
  batch ??= Buffer.allocUnsafeSlow(BATCH_BYTES);
  if (next + bytes > BATCH_BYTES) {
    randomFillSync(batch);
    next = 0;
  }
  next += bytes;
  return next - bytes;
}

function digitOf(value: number): number {
  return value + (value < 10 ? 0x30 : 0x57);
}
