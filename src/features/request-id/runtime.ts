/** request-id, on the device: what a trusted client may say; writing the id is generated code. */
import { cameBy } from "../../core/arrival.ts";
import type { Exchange } from "../../core/exchange.ts";
import { takenValue } from "../../core/taken.ts";

/** REQUEST_ID_BYTES_MAX of build/template.ts, by which heads are sized. */
const BYTES_MAX = 64;
/**
 * What UUIDs, ULIDs, base64 and their kin are made of. Nothing that a log, a shell or a query would read as more than
 * text, and no comma: two ids are none.
 */
const ID = /^[A-Za-z0-9._:+/=@-]+$/;

/** Writes whole field lines and returns the offset after them. */
type Block = (x: Exchange, out: Buffer, at: number) => number;

interface Data {
  /** Number of the field, see src/core/taken.ts. */
  readonly field: number;
  /** Names of listeners. */
  readonly trust: readonly string[];
}

/** Anything else than an id is replaced by one of ours. */
export function takeId(x: Exchange, { field, trust }: Data): void {
  if (!cameBy(trust)) return;
  const value = takenValue(field);
  if (value.length <= BYTES_MAX && ID.test(value)) x.requestId = value;
}

export function appendToRequest(x: Exchange, out: Buffer, at: number, block: Block): number {
  return block(x, out, at);
}

export function appendToAnswer(x: Exchange, out: Buffer, at: number, block: Block): number {
  return block(x, out, at);
}
