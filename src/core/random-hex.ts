/** Random hex digits for ids, drawn from the system in batches: one call of it for a hundred requests. */
import { randomFillSync } from "node:crypto";

const BATCH_BYTES = 2048;
let batch: Buffer | undefined;
let next = BATCH_BYTES;

/** @param bytes at most a few dozen; the text has twice as many digits */
export function randomHex(bytes: number): string {
  batch ??= Buffer.allocUnsafeSlow(BATCH_BYTES);
  if (next + bytes > BATCH_BYTES) {
    randomFillSync(batch);
    next = 0;
  }
  const at = next;
  next += bytes;
  return batch.hexSlice(at, next);
}
