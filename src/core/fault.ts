/**
 * Every answer hardwire gives itself. A fault is a number: chains return it, the core answers with its encoded reply.
 *
 * Bodies are application/problem+json (RFC 9457) with a stable `code`; faults that come from the upstream's side carry
 * Proxy-Status (RFC 9209). Numbers below FIRST_REPLY are faults, the others are fixed answers of features.
 */
import { replies as featureReplies } from "#generated/replies.ts";
import { name } from "#generated/tables.ts";

export const BAD_FRAMING = 1;
export const BAD_HOST = 2;
export const BAD_TARGET = 3;
export const BAD_FIELD = 4;
export const NOT_FOUND = 5;
export const METHOD_NOT_ALLOWED = 6;
export const BODY_IDLE = 7;
export const BODY_TOO_LARGE = 8;
export const TARGET_TOO_LONG = 9;
export const EXPECTATION_FAILED = 10;
export const MISDIRECTED = 11;
export const FIELDS_TOO_LARGE = 12;
export const METHOD_NOT_IMPLEMENTED = 13;
export const UPSTREAM_REFUSED = 14;
export const UPSTREAM_UNRESOLVED = 15;
export const UPSTREAM_CLOSED = 16;
export const UPSTREAM_MALFORMED = 17;
export const OVERLOADED = 18;
export const UPSTREAM_BUSY = 19;
export const CONNECT_TIMEOUT = 20;
export const RESPONSE_TIMEOUT = 21;
export const REQUEST_TIMEOUT = 22;
/** No fault: an OPTIONS request whose Max-Forwards is spent ends here (RFC 9110 7.6.2). */
export const FORWARDS_SPENT = 23;

/** First number of the features' fixed answers (`#generated/replies.ts`). */
export const FIRST_REPLY = 64;

/** Encoded once at start. */
export interface Reply {
  /** A fault's, or FIRST_REPLY and more for a feature's answer. */
  readonly number: number;
  /** "404 Not Found" and its field lines, as `writeStatus` takes them: CRLF between, none at the end. */
  readonly head: Buffer;
  readonly body: Buffer;
  /** 204 and 304 have neither a body nor a Content-Length (RFC 9110 8.6, 15.4.5). */
  readonly bodiless: boolean;
  /** A feature's answer is the route's own, with the route's field rules; a fault is ours. */
  readonly fromFeature: boolean;
  /** The connection's state is in doubt, or its rest is not worth reading: close it after this answer. */
  readonly closes: boolean;
}

interface Fault {
  readonly status: string;
  readonly code: string;
  readonly detail: string;
  readonly closes?: boolean;
  /** RFC 9209 2.3 */
  readonly proxyError?: string;
  readonly retryAfterSeconds?: number;
}

/** By number; the comment beside a group says whose mistake it is. */
const FAULTS: Readonly<Record<number, Fault>> = {
  // The client's.
  [BAD_FRAMING]: {
    status: "400 Bad Request",
    code: "bad_framing",
    detail: "Content-Length or Transfer-Encoding is malformed, repeated or in conflict.",
    closes: true,
  },
  [BAD_HOST]: {
    status: "400 Bad Request",
    code: "bad_host",
    detail: "Exactly one valid Host field is needed.",
    closes: true,
  },
  [BAD_TARGET]: {
    status: "400 Bad Request",
    code: "bad_target",
    detail:
      "The path has a dot segment, an empty segment, an encoded slash or backslash, a malformed escape, or a byte that must be encoded.",
    closes: true,
  },
  [BAD_FIELD]: {
    status: "400 Bad Request",
    code: "bad_field",
    detail: "A field has bytes that may not stand in it, or Connection names a field that must not be dropped.",
    closes: true,
  },
  [NOT_FOUND]: { status: "404 Not Found", code: "no_route", detail: "No route has this path." },
  [METHOD_NOT_ALLOWED]: {
    status: "405 Method Not Allowed",
    code: "method_not_allowed",
    detail: "The path has routes, but none for this method; see Allow.",
  },
  [BODY_IDLE]: {
    status: "408 Request Timeout",
    code: "request_body_timeout",
    detail: "The request's body did not arrive in time.",
    closes: true,
  },
  [BODY_TOO_LARGE]: {
    status: "413 Content Too Large",
    code: "body_too_large",
    detail: "The body is larger than this route takes.",
    closes: true,
  },
  [TARGET_TOO_LONG]: {
    status: "414 URI Too Long",
    code: "target_too_long",
    detail: "The request target is too long.",
    closes: true,
  },
  [EXPECTATION_FAILED]: {
    status: "417 Expectation Failed",
    code: "expectation_failed",
    detail: "Only Expect: 100-continue is understood.",
    closes: true,
  },
  [MISDIRECTED]: {
    status: "421 Misdirected Request",
    code: "unknown_host",
    detail: "This gateway does not serve that host.",
  },
  [FIELDS_TOO_LARGE]: {
    status: "431 Request Header Fields Too Large",
    code: "fields_too_large",
    detail: "The request's header fields are too large to be forwarded.",
    closes: true,
  },
  [METHOD_NOT_IMPLEMENTED]: {
    status: "501 Not Implemented",
    code: "method_not_implemented",
    detail: "CONNECT and TRACE are not forwarded.",
    closes: true,
  },
  // The upstream's.
  [UPSTREAM_REFUSED]: {
    status: "502 Bad Gateway",
    code: "upstream_refused",
    detail: "No endpoint of the upstream accepted a connection.",
    proxyError: "connection_refused",
  },
  [UPSTREAM_UNRESOLVED]: {
    status: "502 Bad Gateway",
    code: "upstream_unresolved",
    detail: "The upstream's name could not be resolved.",
    proxyError: "dns_error",
  },
  [UPSTREAM_CLOSED]: {
    status: "502 Bad Gateway",
    code: "upstream_closed",
    detail: "The upstream closed the connection before a complete answer head.",
    proxyError: "connection_terminated",
  },
  [UPSTREAM_MALFORMED]: {
    status: "502 Bad Gateway",
    code: "upstream_malformed",
    detail: "The upstream's answer is not valid HTTP/1.1, or two readers could understand it differently.",
    proxyError: "http_protocol_error",
  },
  [CONNECT_TIMEOUT]: {
    status: "504 Gateway Timeout",
    code: "connect_timeout",
    detail: "No connection to the upstream within timeouts.connect.",
    proxyError: "connection_timeout",
  },
  [RESPONSE_TIMEOUT]: {
    status: "504 Gateway Timeout",
    code: "response_header_timeout",
    detail: "No answer head within timeouts.response_header.",
    proxyError: "http_response_timeout",
  },
  [REQUEST_TIMEOUT]: {
    status: "504 Gateway Timeout",
    code: "request_timeout",
    detail: "The exchange took longer than timeouts.request.",
    proxyError: "http_response_timeout",
  },
  // Ours.
  [OVERLOADED]: {
    status: "503 Service Unavailable",
    code: "overloaded",
    detail: "As many requests as limits.in_flight allows are being served.",
    retryAfterSeconds: 1,
  },
  [UPSTREAM_BUSY]: {
    status: "503 Service Unavailable",
    code: "upstream_busy",
    detail: "All connections to the upstream are taken.",
    proxyError: "connection_limit_reached",
    retryAfterSeconds: 1,
  },
};

const encoded: (Reply | undefined)[] = [];

/** "no_route"; of a feature's fixed answer "answered". */
export function codeOf(number: number): string {
  return FAULTS[number]?.code ?? "answered";
}

/** Whether the upstream is to blame. */
export function isUpstreams(number: number): boolean {
  return (
    (number >= UPSTREAM_REFUSED && number <= UPSTREAM_MALFORMED) ||
    (number >= CONNECT_TIMEOUT && number <= REQUEST_TIMEOUT)
  );
}

/** The encoded reply of a fault or of a feature's fixed answer. */
export function replyOf(number: number): Reply {
  let reply = encoded[number];
  if (reply === undefined) {
    if (number === FORWARDS_SPENT) reply = encodeEmpty();
    else reply = number < FIRST_REPLY ? encodeFault(number, "") : encodeFeatureReply(number);
    encoded[number] = reply;
  }
  return reply;
}

const byAllow = new Map<number, Reply>();

/** 405 with its Allow field, which RFC 9110 15.5.6 asks for; at most one reply for each set of methods. */
export function methodNotAllowed(methods: number): Reply {
  let reply = byAllow.get(methods);
  if (reply === undefined) {
    const allow = ALLOW_ORDER.filter((_, bit) => (methods & (1 << bit)) !== 0).join(", ");
    reply = encodeFault(METHOD_NOT_ALLOWED, `\r\nallow: ${allow}`);
    byAllow.set(methods, reply);
  }
  return reply;
}

/** By bit number, as in `methodBit`. */
const ALLOW_ORDER = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];

function encodeFault(number: number, extraFields: string): Reply {
  const fault = FAULTS[number]!;
  const title = fault.status.slice(4);
  const body = JSON.stringify({
    type: "about:blank",
    title,
    status: Number(fault.status.slice(0, 3)),
    code: fault.code,
    detail: fault.detail,
  });
  let head = `${fault.status}\r\ncontent-type: application/problem+json\r\ncache-control: no-store${extraFields}`;
  if (fault.proxyError !== undefined) head += `\r\nproxy-status: ${name}; error=${fault.proxyError}`;
  if (fault.retryAfterSeconds !== undefined) head += `\r\nretry-after: ${fault.retryAfterSeconds}`;
  return {
    number,
    head: Buffer.from(head),
    body: Buffer.from(body),
    bodiless: false,
    fromFeature: false,
    closes: fault.closes === true,
  };
}

function encodeEmpty(): Reply {
  return {
    number: FORWARDS_SPENT,
    head: Buffer.from("204 No Content"),
    body: Buffer.alloc(0),
    bodiless: true,
    fromFeature: false,
    closes: false,
  };
}

function encodeFeatureReply(number: number): Reply {
  const { status, fields, body } = featureReplies[number - FIRST_REPLY]!;
  const bodiless = status.startsWith("204") || status.startsWith("304");
  return {
    number,
    head: Buffer.from(fields === "" ? status : `${status}\r\n${fields}`, "latin1"),
    body: Buffer.from(body),
    bodiless,
    fromFeature: true,
    closes: false,
  };
}
