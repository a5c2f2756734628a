/** Request methods: the bits that routes are matched by, and which methods may be sent twice. */

/** The bit of a method; METHOD_OTHER for extension methods; 0 for those a gateway must not forward. */
export function methodBit(method: string): number {
  switch (method) {
    case "GET":
      return 1;
    case "HEAD":
      return 2;
    case "POST":
      return 4;
    case "PUT":
      return 8;
    case "DELETE":
      return 16;
    case "PATCH":
      return 32;
    case "OPTIONS":
      return 64;
    // CONNECT asks for a tunnel; TRACE would show fields that the client must not see (RFC 9110 9.3.6, 9.3.8).
    case "CONNECT":
    case "TRACE":
      return 0;
    default:
      return isMethodToken(method) ? METHOD_OTHER : 0;
  }
}

/** Any other method; only routes that name no methods take it. */
const METHOD_OTHER = 128;

/** Upper-case letters and hyphens: what registered methods look like, and what `get` or `G@T` do not. */
function isMethodToken(method: string): boolean {
  return /^[A-Z][A-Z-]{0,31}$/.test(method);
}

/** RFC 9110 9.2.2: sending it twice has the effect of sending it once. */
export function isIdempotent(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "PUT" || method === "DELETE" || method === "OPTIONS";
}

/** RFC 9110 9.2.1: asks for nothing to be changed. */
export function isSafe(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}
