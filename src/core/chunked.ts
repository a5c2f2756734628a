/**
 * Incremental decoder of chunked bodies from upstreams (RFC 9112 7.1), over the slab, split at any byte.
 *
 * ```
 *            ┌──────────────── CRLF ───────────────┐
 *            ▼                                      │
 *  SIZE ─digits─▶ EXTENSION ─CRLF─▶ DATA ─0 left─▶ DATA_CR ─▶ DATA_LF
 *    └─────────── size 0 ──────────▶ TRAILER ─empty line─▶ END
 * ```
 *
 * Extensions and trailers are read, held to the grammar's bytes and to a length, and dropped. A bare LF, a size that
 * is empty or over 2^48, and anything else outside the grammar is malformed.
 */
import { IS_FIELD_VALUE, IS_TOKEN } from "./grammar.ts";
import { slab } from "./slab.ts";

const SIZE = 0;
const EXTENSION_NAME = 1;
const EXTENSION_VALUE = 2;
const EXTENSION_QUOTED = 3;
const EXTENSION_ESCAPED = 4;
const EXTENSION_END = 5;
const SIZE_LF = 6;
const DATA = 7;
const DATA_CR = 8;
const DATA_LF = 9;
const TRAILER = 10;
const TRAILER_NAME = 11;
const TRAILER_LINE = 12;
const TRAILER_LF = 13;
const TRAILER_END_LF = 14;
const END = 15;

const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SIZE_DIGITS_MAX = 12;
/** Extensions of one chunk, and all trailers together. */
const IGNORED_BYTES_MAX = 4096;

export class ChunkedDecoder {
  private state = SIZE;
  private digits = 0;
  private left = 0;
  private ignored = 0;
  /** Whether the present part of an extension has a character. */
  private named = false;
  /** The run of body bytes that `next` found: slab[dataStart, dataEnd), empty if none. */
  dataStart = 0;
  dataEnd = 0;

  reset(): void {
    this.state = SIZE;
    this.digits = 0;
    this.left = 0;
    this.ignored = 0;
    this.named = false;
  }

  get ended(): boolean {
    return this.state === END;
  }

  /**
   * Goes on at slab[at, end) up to and including the next run of body bytes.
   * @returns where to go on, or -1 if the body is malformed
   */
  next(at: number, end: number): number {
    this.dataStart = at;
    this.dataEnd = at;
    while (at < end && this.state !== END) {
      if (this.state === DATA) {
        const bytes = Math.min(this.left, end - at);
        this.dataStart = at;
        this.dataEnd = at + bytes;
        this.left -= bytes;
        if (this.left === 0) this.state = DATA_CR;
        return at + bytes;
      }
      if (!this.step(slab[at]!)) return -1;
      at += 1;
    }
    return at;
  }

  /** One byte that is not body data; false if it may not stand here. */
  private step(c: number): boolean {
    switch (this.state) {
      case SIZE:
        return this.stepSize(c);
      case EXTENSION_NAME:
      case EXTENSION_VALUE:
      case EXTENSION_QUOTED:
      case EXTENSION_ESCAPED:
      case EXTENSION_END:
        return this.stepExtension(c);
      case SIZE_LF:
        if (c !== LF) return false;
        this.digits = 0;
        this.ignored = 0;
        this.state = this.left === 0 ? TRAILER : DATA;
        return true;
      case DATA_CR:
        this.state = DATA_LF;
        return c === CR;
      case DATA_LF:
        this.state = SIZE;
        return c === LF;
      case TRAILER:
        this.state = c === CR ? TRAILER_END_LF : TRAILER_NAME;
        return c === CR || this.stepName(c);
      case TRAILER_NAME:
        if (c === COLON) this.state = TRAILER_LINE;
        return c === COLON || this.stepName(c);
      case TRAILER_LINE:
        if (c === CR) this.state = TRAILER_LF;
        else return this.ignore(c);
        return true;
      case TRAILER_LF:
        this.state = TRAILER;
        return c === LF;
      case TRAILER_END_LF:
        this.state = END;
        return c === LF;
      default:
        return false;
    }
  }

  private stepSize(c: number): boolean {
    const digit = hexDigit(c);
    if (digit !== -1) {
      if (this.digits === SIZE_DIGITS_MAX) return false;
      this.digits += 1;
      this.left = this.left * 16 + digit;
      return true;
    }
    if (this.digits === 0) return false;
    if (c === CR) this.state = SIZE_LF;
    else if (c === SEMICOLON) this.state = EXTENSION_NAME;
    else return false;
    return true;
  }

  /** RFC 9112 7.1.1 without the blanks that only recipients of old messages have to bear: `;name`, `;name=value`. */
  private stepExtension(c: number): boolean {
    if (!this.ignore(c)) return c === CR && this.endExtensions();
    switch (this.state) {
      case EXTENSION_QUOTED:
        if (c === QUOTE) this.state = EXTENSION_END;
        else if (c === BACKSLASH) this.state = EXTENSION_ESCAPED;
        return true;
      case EXTENSION_ESCAPED:
        this.state = EXTENSION_QUOTED;
        return true;
      default:
    }
    if (IS_TOKEN[c] === 1) {
      this.named = true;
      return this.state !== EXTENSION_END;
    }
    if (c === QUOTE && this.state === EXTENSION_VALUE && !this.named) {
      this.state = EXTENSION_QUOTED;
      return true;
    }
    if (c === EQUALS && this.state === EXTENSION_NAME && this.named) this.state = EXTENSION_VALUE;
    else if (c === SEMICOLON && (this.named || this.state === EXTENSION_END)) this.state = EXTENSION_NAME;
    else return false;
    this.named = false;
    return true;
  }

  private endExtensions(): boolean {
    const whole = this.state === EXTENSION_END || (this.named && this.state <= EXTENSION_VALUE);
    this.named = false;
    this.state = SIZE_LF;
    return whole;
  }

  /** A trailer's name is a token that ends with the colon (RFC 9112 5.1, 7.1.2). */
  private stepName(c: number): boolean {
    return IS_TOKEN[c] === 1 && this.ignore(c);
  }

  private ignore(c: number): boolean {
    this.ignored += 1;
    return this.ignored <= IGNORED_BYTES_MAX && IS_FIELD_VALUE[c] === 1;
  }
}

function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const lower = c | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
