/**
 * Finds the end of an answer's body in what has been read (RFC 9112 6.3), whichever of the four ways it ends. One
 * reader for each connection; it works on the slab and keeps no bytes.
 */
import { ChunkedDecoder } from "./chunked.ts";
import { slab } from "./slab.ts";

/** There is no body: HEAD, 204, 304. */
export const UNTIL_HEAD = 0;
export const UNTIL_LENGTH = 1;
export const UNTIL_LAST_CHUNK = 2;
export const UNTIL_CLOSE = 3;

export class BodyReader {
  kind = UNTIL_HEAD;
  private left = 0;
  private readonly decoder = new ChunkedDecoder();

  // What `take` found.
  /** The body bytes are in slab[at, end). */
  end = 0;
  /** Where whatever follows the body starts; the end of the range unless `complete`. */
  next = 0;
  /** Whether the body has ended. With UNTIL_CLOSE only the connection's end says so. */
  complete = false;

  /** @param length body bytes, with UNTIL_LENGTH */
  begin(kind: number, length: number): void {
    this.kind = kind;
    this.left = length;
    this.complete = false;
    this.decoder.reset();
  }

  /** Takes slab[at, end); chunks' data is moved together at `at`. False if the body is malformed. */
  take(at: number, end: number): boolean {
    switch (this.kind) {
      case UNTIL_HEAD:
        this.end = at;
        this.complete = true;
        break;
      case UNTIL_LENGTH:
        this.end = Math.min(end, at + this.left);
        this.left -= this.end - at;
        this.complete = this.left === 0;
        break;
      case UNTIL_LAST_CHUNK:
        return this.joinChunks(at, end);
      default:
        this.end = end;
    }
    this.next = this.end;
    return true;
  }

  private joinChunks(at: number, end: number): boolean {
    const { decoder } = this;
    let joined = at;
    let next = at;
    while (next < end && !decoder.ended) {
      next = decoder.next(next, end);
      if (next === -1) return false;
      if (decoder.dataEnd > decoder.dataStart) {
        if (decoder.dataStart !== joined) slab.copyWithin(joined, decoder.dataStart, decoder.dataEnd);
        joined += decoder.dataEnd - decoder.dataStart;
      }
    }
    this.end = joined;
    this.next = next;
    this.complete = decoder.ended;
    return true;
  }
}
