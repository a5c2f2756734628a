/**
 * Reads an upstream's answer head in place and copies what the client may see to `out` (slab.ts).
 *
 * ```
 * HTTP/1.1 200 OK CRLF            → "200 OK"                    status line without the version
 * Content-Type: text/plain CRLF   → CRLF "Content-Type: …"      kept fields, as runs of bytes
 * Connection: close CRLF          →                             dropped: hop-by-hop, framing, Date, features' drops
 * CRLF                            → (uWebSockets.js ends the head itself: Date, Content-Length or chunked)
 * ```
 *
 * Strict by construction: whatever is not the grammar of RFC 9112 2–6 is MALFORMED, never repaired. No sockets here.
 */

import { dropsResponseField } from "#generated/chains.ts";
import { DROPS_RESPONSE_FIELDS } from "#generated/constants.ts";
import { UNTIL_CLOSE, UNTIL_HEAD, UNTIL_LAST_CHUNK, UNTIL_LENGTH } from "./body-reader.ts";
import { IS_FIELD_VALUE, IS_TOKEN } from "./grammar.ts";
import { OUT_BYTES, slab } from "./slab.ts";

/** The head is not complete yet. */
export const NEED_MORE = 0;
export const COMPLETE = 1;
export const MALFORMED = 2;
/** A complete interim answer (1xx), to be skipped; `head.end` is where the next head starts. */
export const INTERIM = 3;

/** What the last `readHead` found; one struct, since one head is read at a time. */
export const head = {
  status: 0,
  /** Offset in the slab behind the head. */
  end: 0,
  /** Bytes written to `out`. */
  outBytes: 0,
  body: UNTIL_HEAD,
  /** With UNTIL_LENGTH; for an answer to HEAD the length it reports, or -1. */
  length: -1,
  /** Whether the connection may carry another request after this answer. */
  persistent: false,
};

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const COLON = 0x3a;
const COMMA = 0x2c;
const ZERO = 0x30;
const NINE = 0x39;
/** "HTTP/1.x 200" */
const STATUS_BYTES = 12;

/** Names that a Connection field lists beyond the usual ones, as ranges in the slab; almost always none. */
const NAMED_MAX = 16;
const namedStart = new Uint32Array(NAMED_MAX);
const namedEnd = new Uint32Array(NAMED_MAX);
let named = 0;

/**
 * Reads the head in `slab[start, end)`.
 * @param route whose features may drop fields
 * @param isHead whether the request was HEAD: the answer then has no body whatever its fields say (RFC 9110 9.3.2)
 */
export function readHead(start: number, end: number, route: number, isHead: boolean): number {
  named = 0;
  const result = pass(start, end, route, isHead);
  // A Connection field may name fields that stood before it: read once more, now knowing them.
  return result === COMPLETE && named > 0 ? pass(start, end, route, isHead) : result;
}

function pass(start: number, end: number, route: number, isHead: boolean): number {
  if (!startsLikeStatusLine(start, end)) return MALFORMED;
  if (end - start < STATUS_BYTES + 2) return NEED_MORE;
  const minor = slab[start + 7]! - ZERO;
  const status = (slab[start + 9]! - ZERO) * 100 + (slab[start + 10]! - ZERO) * 10 + slab[start + 11]! - ZERO;
  if (status < 100 || status > 599) return MALFORMED;

  let at = start + STATUS_BYTES;
  if (slab[at] !== CR && slab[at] !== SPACE) return MALFORMED;
  while (at < end && IS_FIELD_VALUE[slab[at]!] === 1) at += 1;
  if (at + 1 >= end) return at < end && slab[at] !== CR ? MALFORMED : NEED_MORE;
  if (slab[at] !== CR || slab[at + 1] !== LF) return MALFORMED;

  const knewNamed = named;
  let outAt = 0;
  /** Start of the bytes that are kept but not copied yet; a run ends before the CRLF of its last line. */
  let run = start + 9;
  let lineEnd = at;
  let length = -1;
  let chunked = false;
  let closes = minor === 0;
  at += 2;

  for (;;) {
    if (at >= end) return NEED_MORE;
    if (slab[at] === CR) {
      if (at + 1 >= end) return NEED_MORE;
      if (slab[at + 1] !== LF) return MALFORMED;
      break;
    }
    const nameStart = at;
    while (at < end && IS_TOKEN[slab[at]!] === 1) at += 1;
    if (at === end) return NEED_MORE;
    // An empty name, a blank before the colon and a folded line all end here (RFC 9112 5.1, 5.2).
    if (slab[at] !== COLON || at === nameStart) return MALFORMED;
    const nameEnd = at;
    at += 1;
    while (at < end && (slab[at] === SPACE || slab[at] === TAB)) at += 1;
    const valueStart = at;
    while (at < end && IS_FIELD_VALUE[slab[at]!] === 1) at += 1;
    if (at + 1 >= end) return at < end && slab[at] !== CR ? MALFORMED : NEED_MORE;
    if (slab[at] !== CR || slab[at + 1] !== LF) return MALFORMED;
    let valueEnd = at;
    while (valueEnd > valueStart && (slab[valueEnd - 1] === SPACE || slab[valueEnd - 1] === TAB)) valueEnd -= 1;

    let keep = true;
    switch (nameEnd - nameStart) {
      case 2:
        keep = !isName(nameStart, "te");
        break;
      case 4:
        keep = !isName(nameStart, "date");
        break;
      case 7:
        keep = !isName(nameStart, "upgrade") && !isName(nameStart, "trailer");
        break;
      case 10:
        if (isName(nameStart, "connection")) {
          keep = false;
          if (knewNamed === 0) {
            const flags = readConnection(valueStart, valueEnd);
            if (flags === -1) return MALFORMED;
            if (flags === 1) closes = true;
          } else if (hasClose(valueStart, valueEnd)) closes = true;
        } else keep = !isName(nameStart, "keep-alive");
        break;
      case 14:
        if (isName(nameStart, "content-length")) {
          keep = false;
          if (length !== -1) return MALFORMED;
          length = readLength(valueStart, valueEnd);
          if (length === -1) return MALFORMED;
        }
        break;
      case 16:
        keep = !isName(nameStart, "proxy-connection");
        break;
      case 17:
        if (isName(nameStart, "transfer-encoding")) {
          keep = false;
          // A tab behind the value is a blank to some readers and part of the coding's name to others (llhttp).
          if (valueEnd !== at || chunked || valueEnd - valueStart !== 7) return MALFORMED;
          if (!isName(valueStart, "chunked")) return MALFORMED;
          chunked = true;
        }
        break;
      case 18:
        keep = !isName(nameStart, "proxy-authenticate");
        break;
      default:
    }
    if (keep && knewNamed > 0) keep = !isNamed(nameStart, nameEnd, knewNamed);
    if (keep && DROPS_RESPONSE_FIELDS) keep = !dropsResponseField(route, slab, nameStart, nameEnd);
    if (!keep) {
      if (lineEnd > run) {
        if (outAt + lineEnd - run > OUT_BYTES) return MALFORMED;
        slab.copyWithin(outAt, run, lineEnd);
        outAt += lineEnd - run;
      }
      run = at;
    }
    lineEnd = at;
    at += 2;
  }
  if (lineEnd > run) {
    if (outAt + lineEnd - run > OUT_BYTES) return MALFORMED;
    slab.copyWithin(outAt, run, lineEnd);
    outAt += lineEnd - run;
  }

  // Two ways to find the end of the body are one too many (RFC 9112 6.1, 6.3); HTTP/1.0 knows no chunks.
  if (chunked && (length !== -1 || minor === 0)) return MALFORMED;
  head.status = status;
  head.end = at + 2;
  head.outBytes = outAt;
  head.length = length;
  head.persistent = !closes;
  if (status < 200) {
    // 101 answers an Upgrade that is never sent; HTTP/1.0 knows no interim answers, and nothing follows a close.
    if (status === 101 || chunked || length > 0 || closes) return MALFORMED;
    return INTERIM;
  }
  if (isHead || status === 204 || status === 304) {
    if (status === 204 && (chunked || length > 0)) return MALFORMED;
    head.body = UNTIL_HEAD;
  } else if (chunked) head.body = UNTIL_LAST_CHUNK;
  else if (length !== -1) head.body = UNTIL_LENGTH;
  else {
    head.body = UNTIL_CLOSE;
    head.persistent = false;
  }
  return COMPLETE;
}

/** Whether the bytes so far can still become "HTTP/1.0 " or "HTTP/1.1 " and three digits. */
function startsLikeStatusLine(start: number, end: number): boolean {
  const n = Math.min(end - start, STATUS_BYTES);
  for (let i = 0; i < n; i++) {
    const c = slab[start + i]!;
    if (
      i < 7
        ? c !== "HTTP/1.".charCodeAt(i)
        : i === 7
          ? c !== ZERO && c !== ZERO + 1
          : i === 8
            ? c !== SPACE
            : c < ZERO || c > NINE
    )
      return false;
  }
  return true;
}

/** Whether the bytes at `at` are `name` in any case; the caller has compared the length. */
function isName(at: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if (lowerCase(slab[at + i]!) !== name.charCodeAt(i)) return false;
  }
  return true;
}

/** Letters only: `| 0x20` alone would also take `^` for `~`. */
function lowerCase(c: number): number {
  return c >= 0x41 && c <= 0x5a ? c | 0x20 : c;
}

/** Digits only, at most 15 of them so that the number is exact; -1 otherwise (RFC 9110 8.6). */
function readLength(start: number, end: number): number {
  if (end === start || end - start > 15) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const c = slab[i]!;
    if (c < ZERO || c > NINE) return -1;
    value = value * 10 + (c - ZERO);
  }
  return value;
}

/**
 * A Connection field's options (RFC 9110 7.6.1): 1 if one is "close", 0 if not, -1 if it is malformed or names too
 * many fields. Options that are not one of the usual names are kept as names to drop.
 */
function readConnection(start: number, end: number): number {
  let closes = 0;
  let at = start;
  while (at < end) {
    while (at < end && (slab[at] === SPACE || slab[at] === TAB || slab[at] === COMMA)) at += 1;
    const optionStart = at;
    while (at < end && IS_TOKEN[slab[at]!] === 1) at += 1;
    const bytes = at - optionStart;
    if (bytes === 5 && isName(optionStart, "close")) closes = 1;
    else if (bytes > 0 && !(bytes === 10 && isName(optionStart, "keep-alive"))) {
      if (named === NAMED_MAX) return -1;
      namedStart[named] = optionStart;
      namedEnd[named] = at;
      named += 1;
    }
    while (at < end && (slab[at] === SPACE || slab[at] === TAB)) at += 1;
    if (at < end && slab[at] !== COMMA) return -1;
  }
  return closes;
}

/** For the second pass: the options were read, only "close" still matters. */
function hasClose(start: number, end: number): boolean {
  for (let at = start; at + 5 <= end; at++) {
    const before = at === start || IS_TOKEN[slab[at - 1]!] === 0;
    if (before && (at + 5 === end || IS_TOKEN[slab[at + 5]!] === 0) && isName(at, "close")) return true;
  }
  return false;
}

function isNamed(start: number, end: number, count: number): boolean {
  for (let n = 0; n < count; n++) {
    const bytes = namedEnd[n]! - namedStart[n]!;
    if (bytes !== end - start) continue;
    let i = 0;
    while (i < bytes && lowerCase(slab[start + i]!) === lowerCase(slab[namedStart[n]! + i]!)) i += 1;
    if (i === bytes) return true;
  }
  return false;
}
