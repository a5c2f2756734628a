/**
 * headers, on the device: what is added is one generated function for each distinct block of fields; what is removed
 * is decided by the generated `drops…Field`.
 */
import type { Exchange } from "../../core/exchange.ts";

/** Writes whole field lines and returns the offset after them. */
type Block = (x: Exchange, out: Buffer, at: number) => number;

export function appendRequestFields(x: Exchange, out: Buffer, at: number, block: Block): number {
  return block(x, out, at);
}

export function appendResponseFields(x: Exchange, out: Buffer, at: number, block: Block): number {
  return block(x, out, at);
}
