/**
 * Reads the client's fields once, refuses what two servers could read differently, and writes the request head for
 * the upstream into the exchange's fixed buffer at the same time. No sockets here.
 *
 * The fields are written first, behind room for the request line; the line is put in front of them at the end, when a
 * feature may have rewritten the path:
 *
 * ```
 * head: |  free  | GET /path HTTP/1.1 CRLF | host: … CRLF accept: … CRLF | x-forwarded-for: … CRLF … CRLF CRLF |  free |
 *               headStart                 FIELDS                                                        headEnd
 * ```
 *
 * Framing towards the upstream is always ours: Content-Length and Transfer-Encoding are never copied.
 */
import type { HttpRequest } from "uWebSockets.js";
import { dropsRequestField, takeField, upstreamRequest } from "#generated/chains.ts";
import {
  DROPS_REQUEST_FIELDS,
  HAS_DONE,
  HAS_FIELD_CONDITIONS,
  HAS_REQUEST,
  HAS_ROUTE_LIMITS,
  HAS_UPSTREAM_REQUEST,
  TAKES_FIELDS,
} from "#generated/constants.ts";
import { asksField, repeatsField, startFields } from "#generated/matcher.ts";
import { name as gatewayName } from "#generated/tables.ts";
import { putBytes, putText } from "./bytes.ts";
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, type Exchange } from "./exchange.ts";
import {
  BAD_FIELD,
  BAD_FRAMING,
  BAD_HOST,
  EXPECTATION_FAILED,
  FIELDS_TOO_LARGE,
  FORWARDS_SPENT,
  TARGET_TOO_LONG,
} from "./fault.ts";
import { IS_TOKEN } from "./grammar.ts";
import { peerAddress } from "./peer.ts";
import { startTaking } from "./taken.ts";
import { isHost } from "./target.ts";

/** A rewrite may make the request line this much longer. */
const LINE_GROWTH_BYTES = HAS_REQUEST ? 512 : 0;
/** Two blanks, the version and CRLF. */
const LINE_FIXED_BYTES = 12;
/** Most fields that a Connection field may name. */
const NAMED_MAX = 16;

const COLON = 0x3a;
const SPACE = 0x20;
const CR = 0x0d;
const LF = 0x0a;
const QUESTION_MARK = 0x3f;

// State of the one pass that is under way: a callback per field must not need a closure per request.
let x: Exchange;
let at = 0;
let fault = 0;
let hosts = 0;
/** Of the request that was read last; counted only where a route limits them. */
export let fieldsRead = 0;
/** The last valid Host. */
let knownHost = "";
let lengths = 0;
let codings = 0;
let connections = 0;
let announced = 0;
/** Names in the client's Connection field beyond the usual ones; dropped in a second pass. */
let named: string[] = [];

/**
 * Checks every field and copies those that go to the upstream.
 * @returns 0, or the fault to answer with
 */
export function readFields(exchange: Exchange, req: HttpRequest): number {
  x = exchange;
  if (named.length > 0) named = [];
  const fieldsAt =
    x.method.length + x.path.length + (x.hasQuery ? 1 + x.query.length : 0) + LINE_FIXED_BYTES + LINE_GROWTH_BYTES;
  pass(req, fieldsAt);
  // A Connection field may name fields that stood before it: read once more, now knowing them.
  if (fault === 0 && named.length > 0) pass(req, fieldsAt);
  if (fault !== 0 && fault !== FORWARDS_SPENT) return fault;
  if (hosts !== 1) return BAD_HOST;
  // RFC 9112 6.1: both together is an attack or a mistake. Repeats are refused as they are met.
  if (codings === 1 && lengths === 1) return BAD_FRAMING;
  x.bodyKind = codings === 1 ? BODY_CHUNKED : announced > 0 ? BODY_LENGTH : BODY_NONE;
  x.bodyBytesAnnounced = announced;
  x.bodyReceived = x.bodyKind === BODY_NONE;
  if (codings === 1) x.mustClose = true;
  x.headStart = fieldsAt;
  x.headEnd = at;
  return at > x.head.length ? FIELDS_TOO_LARGE : fault;
}

function pass(req: HttpRequest, fieldsAt: number): void {
  at = fieldsAt;
  fault = 0;
  hosts = 0;
  fieldsRead = 0;
  lengths = 0;
  codings = 0;
  connections = 0;
  announced = 0;
  if (HAS_FIELD_CONDITIONS) startFields();
  if (TAKES_FIELDS) startTaking();
  req.forEach(readField);
}

function readField(name: string, value: string): void {
  if (HAS_ROUTE_LIMITS) fieldsRead += 1;
  if (TAKES_FIELDS) takeField(name, value);
  // Two values of which a condition has seen one: the upstream might go by the other. Without a path nothing was asked.
  if (HAS_FIELD_CONDITIONS && x.path !== "" && repeatsField(name)) fault = BAD_FIELD;
  switch (name.length) {
    case 2:
      if (name === "te") return;
      break;
    case 4:
      if (name === "host") {
        hosts += 1;
        // Almost every request names the host of the one before.
        if (value !== knownHost) {
          if (isHost(value)) knownHost = value;
          else fault = BAD_HOST;
        }
        x.host = value;
      }
      break;
    case 6:
      // uWebSockets.js has sent 100 (Continue) itself by now.
      if (name === "expect") {
        if (value.toLowerCase() !== "100-continue") fault = EXPECTATION_FAILED;
        return;
      }
      break;
    case 7:
      if (name === "upgrade" || name === "trailer") return;
      break;
    case 9:
      if (name === "x-real-ip" || name === "forwarded") return;
      break;
    case 10:
      if (name === "connection") {
        connections += 1;
        if (value !== "keep-alive") readConnection(value);
        return;
      }
      if (name === "keep-alive") return;
      break;
    case 12:
      if (name === "max-forwards" && x.method === "OPTIONS") {
        // RFC 9110 7.6.2; TRACE, the other method it is for, is not forwarded at all.
        const left = readLength(value);
        if (left === -1) fault = BAD_FIELD;
        else if (left === 0) fault ||= FORWARDS_SPENT;
        else copyField(name, String(left - 1));
        return;
      }
      break;
    case 14:
      if (name === "content-length") {
        lengths += 1;
        announced = readLength(value);
        if (lengths > 1 || announced === -1) fault = BAD_FRAMING;
        return;
      }
      break;
    case 16:
      if (name === "proxy-connection") return;
      break;
    case 17:
      if (name === "transfer-encoding") {
        codings += 1;
        // Blanks and bytes past ASCII around the value were trimmed below us, but no other spelling gets through.
        if (codings > 1 || value.toLowerCase() !== "chunked") fault = BAD_FRAMING;
        return;
      }
      break;
    case 19:
      if (name === "proxy-authorization") return;
      break;
    default:
  }
  if (name.length > 11 && name.charCodeAt(0) === 0x78 && name.startsWith("x-forwarded-")) return;
  if (named.length > 0 && named.includes(name)) return;
  if (DROPS_REQUEST_FIELDS && x.route >= 0 && dropsRequestField(x.route, name)) return;
  copyField(name, value);
}

function copyField(name: string, value: string): void {
  const out = x.head;
  const valueAt = at + name.length + 2;
  const bytes = valueBytes(value);
  if (bytes === -1) {
    fault = BAD_FIELD;
    return;
  }
  const end = valueAt + bytes;
  if (end + 2 <= out.length) {
    putText(out, at, name);
    out[valueAt - 2] = COLON;
    out[valueAt - 1] = SPACE;
    if (bytes === value.length) putText(out, valueAt, value);
    else out.utf8Write(value, valueAt);
    out[end] = CR;
    out[end + 1] = LF;
  }
  at = end + 2;
}

/**
 * Bytes of a value on the wire, or -1 if it may not be forwarded. uWebSockets.js has refused control bytes but DEL, and
 * reads values as UTF-8: what was not UTF-8 shows as U+FFFD and cannot be given on as it was.
 */
function valueBytes(value: string): number {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c === 0x7f) return -1;
    if (c > 0x7f) return value.includes("\ufffd") || value.includes("\x7f") ? -1 : Buffer.byteLength(value);
  }
  return value.length;
}

/** Digits only, at most 15 so that the number is exact; -1 otherwise (RFC 9110 8.6). */
function readLength(value: string): number {
  if (value.length === 0 || value.length > 15) return -1;
  let length = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

/** Fields that a client must not have dropped by naming them in Connection: it would undo what others rely on. */
const NEVER_NAMED = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "authorization",
  "cookie",
  "cache-control",
  "via",
  "forwarded",
  "x-real-ip",
  "x-request-id",
  "traceparent",
]);

/** A Connection field other than `keep-alive` (RFC 9110 7.6.1); rare, so it may allocate. */
function readConnection(value: string): void {
  // uWebSockets.js takes any first Connection value of five bytes for "close".
  if (connections === 1 && value.length === 5) x.saysClose = true;
  for (const part of value.split(",")) {
    const option = part.trim().toLowerCase();
    if (option === "" || option === "keep-alive" || option === "upgrade" || option === "te") continue;
    if (option === "close") {
      if (!x.saysClose) x.mustClose = true;
      continue;
    }
    const guarded = NEVER_NAMED.has(option) || option.startsWith("x-forwarded-");
    const dropped = DROPS_REQUEST_FIELDS && x.route >= 0 && dropsRequestField(x.route, option);
    const asked = HAS_FIELD_CONDITIONS && x.path !== "" && asksField(option);
    if (guarded || dropped || asked || !isToken(option) || named.length === NAMED_MAX) {
      fault = BAD_FIELD;
      return;
    }
    if (!named.includes(option)) named.push(option);
  }
}

function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c > 0xff || IS_TOKEN[c] === 0) return false;
  }
  return text.length > 0;
}

let signedPeer = "";
let signature = Buffer.alloc(0);

/** The fields that say who asks and who forwards; the same for every request of one client address. */
function signatureOf(peer: string): Buffer {
  if (peer !== signedPeer) {
    signedPeer = peer;
    signature = Buffer.from(
      `x-forwarded-for: ${peer}\r\nx-real-ip: ${peer}\r\nx-forwarded-proto: http\r\nvia: 1.1 ${gatewayName}\r\nx-forwarded-host: `,
      "latin1",
    );
  }
  return signature;
}

/**
 * Completes the head: our own fields, the features', the framing and the request line.
 * @returns 0, or the fault to answer with
 */
export function finishHead(exchange: Exchange): number {
  const out = exchange.head;
  const peer = peerAddress(exchange.res!);
  // The socket is gone already: nobody reads an answer, and the upstream must not see a request of nobody's.
  if (peer === "") return BAD_FIELD;
  if (HAS_DONE) exchange.record!.client = peer;
  let end = putBytes(out, exchange.headEnd, signatureOf(peer));
  end = putText(out, end, exchange.host);
  end = putText(out, end, "\r\n");
  if (HAS_UPSTREAM_REQUEST) end = upstreamRequest(exchange, out, end);
  if (exchange.bodyKind === BODY_CHUNKED) end = putText(out, end, "transfer-encoding: chunked\r\n");
  else if (exchange.bodyKind === BODY_LENGTH) {
    end = putText(out, end, "content-length: ");
    end = putText(out, end, String(exchange.bodyBytesAnnounced));
    end = putText(out, end, "\r\n");
  } else if (announcesEmptyBody(exchange.method)) end = putText(out, end, "content-length: 0\r\n");
  end = putText(out, end, "\r\n");
  if (end > out.length) return FIELDS_TOO_LARGE;
  exchange.headEnd = end;

  return putRequestLine(exchange);
}

/** In front of the fields, in pieces: a text put together first would have to be flattened to be written. */
function putRequestLine(exchange: Exchange): number {
  const { head, method, path, query, hasQuery } = exchange;
  const bytes = method.length + path.length + (hasQuery ? 1 + query.length : 0) + LINE_FIXED_BYTES;
  const start = exchange.headStart - bytes;
  if (start < 0) return TARGET_TOO_LONG;
  exchange.headStart = start;
  let end = putText(head, start, method);
  head[end] = SPACE;
  end = putText(head, end + 1, path);
  if (hasQuery) {
    head[end] = QUESTION_MARK;
    end = putText(head, end + 1, query);
  }
  putText(head, end, " HTTP/1.1\r\n");
  return 0;
}

/** Methods whose missing body is worth saying (RFC 9110 8.6). */
function announcesEmptyBody(method: string): boolean {
  return method === "POST" || method === "PUT" || method === "PATCH";
}
