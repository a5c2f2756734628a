/**
 * The request target and the host, normalised once before matching; what was matched is what is forwarded.
 *
 * A path that two servers could read differently is refused, not repaired: dot segments (plain or encoded), empty
 * segments, encoded slashes, backslashes and NUL, control bytes. So no route's rules can be walked around by a path
 * that the upstream folds into another one. Percent-encoded unreserved characters are decoded and the other triplets
 * put in upper case (RFC 3986 6.2.2), which no server reads differently.
 */

const SLASH = 0x2f;
const DOT = 0x2e;
const PERCENT = 0x25;

/** Bytes that may not stand in a path as they are: controls, space, `"#<>\`, DEL and everything past ASCII. */
const PATH_REFUSED = tableOf((c) => c <= 0x20 || c === 0x22 || c === 0x23 || c === 0x3c || c === 0x3e || c === 0x5c);
/** In a query the same but for the quote and angle brackets, which clients send unencoded and nobody folds. */
const QUERY_REFUSED = tableOf((c) => c <= 0x20 || c === 0x23);
/** RFC 3986 2.3. */
const UNRESERVED = /^[A-Za-z0-9._~-]$/;
/** reg-name and IPv4 without percent-encoding, or an IP literal; then an optional port (RFC 9110 7.2, RFC 3986 3.2.2). */
const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{0,5})?$/i;

function tableOf(refuses: (c: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, c) => (refuses(c) || c >= 0x7f ? 1 : 0));
}

/** The path to match and to forward, or "" if it has to be refused with 400. */
export function normalisePath(path: string): string {
  let afterSlash = false;
  let triplets = false;
  if (path.charCodeAt(0) !== SLASH) return "";
  for (let i = 0; i < path.length; i++) {
    const c = path.charCodeAt(i);
    if (c > 0xff || PATH_REFUSED[c] === 1) return "";
    if (c === SLASH) {
      if (afterSlash) return "";
      afterSlash = true;
      continue;
    }
    if (c === PERCENT) triplets = true;
    else if (c === DOT && afterSlash && startsDotSegment(path, i)) return "";
    afterSlash = false;
  }
  return triplets ? decodeTriplets(path) : path;
}

/** Whether "." or ".." is the whole segment that starts at `i`; "..;a" counts too, since some servers drop `;a`. */
function startsDotSegment(path: string, i: number): boolean {
  let end = i + 1;
  if (path.charCodeAt(end) === DOT) end += 1;
  const next = path.charCodeAt(end);
  return end === path.length || next === SLASH || next === 0x3b;
}

/** Rare, so it may allocate. */
function decodeTriplets(path: string): string {
  let decoded = "";
  for (let i = 0; i < path.length; i++) {
    const c = path[i]!;
    if (c !== "%") {
      decoded += c;
      continue;
    }
    const hex = path.slice(i + 1, i + 3);
    if (!/^[0-9A-Fa-f]{2}$/.test(hex)) return "";
    const byte = Number.parseInt(hex, 16);
    if (byte < 0x20 || byte === SLASH || byte === 0x5c || byte === 0x7f) return "";
    const char = String.fromCharCode(byte);
    decoded += UNRESERVED.test(char) ? char : `%${hex.toUpperCase()}`;
    i += 2;
  }
  return normalisesDots(decoded) ? decoded : "";
}

/** Dot segments that only show after decoding. */
function normalisesDots(path: string): boolean {
  return !/\/\.{1,2}(?:[/;]|$)/.test(path);
}

/** Whether a query may be forwarded; it is never rewritten. */
export function isCleanQuery(query: string): boolean {
  for (let i = 0; i < query.length; i++) {
    const c = query.charCodeAt(i);
    if (c > 0xff || QUERY_REFUSED[c] === 1) return false;
  }
  return true;
}

/** Whether a Host value is one that every server reads alike (RFC 9110 7.2). */
export function isHost(host: string): boolean {
  return host.length <= 255 && HOST.test(host);
}

/** Lower case, without port and without a trailing dot: the form routes are matched by. */
export function hostName(host: string): string {
  const bracket = host.lastIndexOf("]");
  const colon = host.indexOf(":", bracket + 1);
  let name = colon === -1 ? host : host.slice(0, colon);
  if (name.endsWith(".")) name = name.slice(0, -1);
  return name.toLowerCase();
}
