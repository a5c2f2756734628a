/**
 * Drives the core's answer parser as the proxy does: each read lands at READ_AT in the slab, the incomplete part of a
 * head is kept aside and put in front of the next read, and a body goes on where it was.
 */
import { BodyReader, UNTIL_CLOSE } from "../../src/core/body-reader.ts";
import * as h1 from "../../src/core/h1-read.ts";
import { OUT_BYTES, READ_AT, slab } from "../../src/core/slab.ts";
import { READ_BYTES } from "../../src/generated/constants.ts";

export interface Whole {
  /** COMPLETE, NEED_MORE or MALFORMED of h1-read.ts: how the head ended. */
  readonly head: number;
  readonly status: number;
  /** Status line without the version and the kept fields, as the client gets them. */
  readonly kept: string;
  readonly persistent: boolean;
  readonly body: Buffer;
  /** Whether the body ended, or was malformed. */
  readonly complete: boolean;
  readonly malformed: boolean;
}

const NO_ROUTE = -1;

/** @param ended whether the connection ends, in order, behind the last piece */
export function readWhole(pieces: readonly Uint8Array[], isHead: boolean, ended: boolean): Whole {
  let stash = Buffer.alloc(0);
  const reader = new BodyReader();
  const body: Buffer[] = [];
  let head = h1.NEED_MORE;
  let whole = { status: 0, kept: "", persistent: false };
  let malformed = false;
  for (const piece of pieces.flatMap(intoReads)) {
    slab.set(piece, READ_AT);
    const end = READ_AT + piece.length;
    let at = READ_AT;
    if (head !== h1.COMPLETE) {
      at -= stash.length;
      slab.set(stash, at);
      do {
        head = h1.readHead(at, end, NO_ROUTE, isHead);
        if (head === h1.INTERIM) at = h1.head.end;
      } while (head === h1.INTERIM && at < end);
      if (head === h1.INTERIM) head = h1.NEED_MORE;
      stash = head === h1.NEED_MORE ? Buffer.from(slab.subarray(at, end)) : Buffer.alloc(0);
      if (head === h1.MALFORMED || stash.length > READ_AT - OUT_BYTES)
        return { ...whole, head: h1.MALFORMED, body: Buffer.alloc(0), complete: false, malformed: true };
      if (head !== h1.COMPLETE) continue;
      const kept = slab.latin1Slice(0, h1.head.outBytes);
      whole = { status: h1.head.status, kept, persistent: h1.head.persistent };
      at = h1.head.end;
      reader.begin(h1.head.body, h1.head.length);
    }
    if (reader.complete) continue;
    if (!reader.take(at, end)) {
      malformed = true;
      break;
    }
    body.push(Buffer.from(slab.subarray(at, reader.end)));
  }
  const complete = head === h1.COMPLETE && (reader.complete || (ended && reader.kind === UNTIL_CLOSE));
  return { ...whole, head, body: Buffer.concat(body), complete: complete && !malformed, malformed };
}

/** As much as one read of a socket can be. */
function intoReads(bytes: Uint8Array): Uint8Array[] {
  const reads: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += READ_BYTES) reads.push(bytes.subarray(at, at + READ_BYTES));
  return reads;
}
