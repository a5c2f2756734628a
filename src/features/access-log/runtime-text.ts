/**
 * Texts of a request in a line: visible ASCII and blanks as they are, all else as `\u00e9`, in JSON and plain lines
 * alike. So no request can end a line, begin another, or send a terminal an escape sequence, and every line is UTF-8.
 */
import { putText } from "../../core/bytes.ts";

const BLANK = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const DELETE = 0x7f;
const ESCAPE_BYTES = 6;
const HEX = "0123456789abcdef";

/** At most `bytesMax` bytes, and MARK_BYTES where the text is longer. @param blanks whether a blank may stay one */
export function putEscaped(out: Buffer, at: number, text: string, bytesMax: number, blanks: boolean): number {
  const stop = at + bytesMax - 2 * ESCAPE_BYTES;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (at > stop) return putText(out, at, "\\u2026");
    if (c < DELETE && (c > BLANK || (c === BLANK && blanks))) {
      if (c === QUOTE || c === BACKSLASH) out[at++] = BACKSLASH;
      out[at++] = c;
    } else if (isPair(c, text.charCodeAt(i + 1))) {
      at = putCode(out, putCode(out, at, c), text.charCodeAt(++i));
    } else {
      // Half of a pair is no character, and some readers of JSON refuse the whole line for it.
      at = putCode(out, at, c >= 0xd800 && c <= 0xdfff ? 0xfffd : c);
    }
  }
  return at;
}

function isPair(first: number, second: number): boolean {
  return first >= 0xd800 && first <= 0xdbff && second >= 0xdc00 && second <= 0xdfff;
}

function putCode(out: Buffer, at: number, c: number): number {
  out[at] = BACKSLASH;
  out[at + 1] = 0x75;
  for (let i = 0; i < 4; i++) out[at + 2 + i] = HEX.charCodeAt((c >> (12 - 4 * i)) & 15);
  return at + ESCAPE_BYTES;
}

/** Secrets are looked for in so much more than is shown, lest one that is cut is not known for what it is. */
const LOOKED_AT_MORE = 512;

/** The text with what looks like a secret replaced, as far as it can be shown. @param secret with a group "kept" */
export function redact(text: string, bytesMax: number, secret: RegExp): string {
  const shown = text.length > bytesMax + LOOKED_AT_MORE ? text.slice(0, bytesMax + LOOKED_AT_MORE) : text;
  return shown.replace(secret, "$<kept>REDACTED");
}

/** A whole number below 2^53. */
export function putNumber(out: Buffer, at: number, value: number): number {
  let digits = 1;
  for (let power = 10; power <= value; power *= 10) digits += 1;
  return putDigits(out, at, value, digits);
}

/** As many digits, zeros in front. */
export function putDigits(out: Buffer, at: number, value: number, digits: number): number {
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    const next = Math.floor(rest / 10);
    out[i] = 0x30 + (rest - next * 10);
    rest = next;
  }
  return at + digits;
}
