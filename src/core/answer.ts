/**
 * Handing an answer to the client: what can be done with a live `res`, and its back-pressure. The only file besides
 * server.ts that calls uWebSockets.js; no upstream, no life cycle.
 *
 * Rules of `res` (seen in its source and with raw bytes):
 * - Everything is written inside `cork`. An empty cork still drains what uWebSockets.js has buffered.
 * - `writeStatus(bytes)` checks nothing, so it takes status line and fields at once. Date and the length or chunk
 *   framing are added by the first body call: a head leaves complete only with the first byte of its body.
 * - `tryEnd(chunk, total)` keeps nothing of what it could not write; `getWriteOffset` says how much it took. With an
 *   empty chunk it would end the answer.
 * - `write(chunk)` keeps what it could not write, and says false. With a handler for `onWritable`, uWebSockets.js
 *   does not drain that by itself.
 * - `end` and the others make `res` unusable, and cannot close a connection whose head went out before: there the
 *   connection is paused for good, so that no further request is read from it, and its 10 s timeout closes it.
 */
import type { HttpResponse } from "uWebSockets.js";
import { dropsResponseField, refusalHead, responseHead } from "#generated/chains.ts";
import { DROPS_RESPONSE_FIELDS, HAS_REFUSAL_HEAD, HAS_RESPONSE_HEAD } from "#generated/constants.ts";
import { name as gatewayName } from "#generated/tables.ts";
import { putBytes } from "./bytes.ts";
import type { Exchange } from "./exchange.ts";
import type { Reply } from "./fault.ts";
import { bodyBytes, headView, OUT_BYTES, out, slab, viewOf } from "./slab.ts";
import { takeWindow, WINDOW_BYTES } from "./windows.ts";

/** All is with the kernel or ended; go on. */
export const TAKEN = 0;
/** The client is slower than the upstream: stop reading until `drainClient` says otherwise. */
export const SLOW = 1;
/** The answer is complete, `res` is gone. */
export const ENDED = 2;
/** No window was free for what the client could not take: the exchange has to be cut. */
export const NO_ROOM = 3;

const CLOSE_FIELD = Buffer.from("\r\nconnection: close");
const VIA_FIELD = Buffer.from(`\r\nvia: 1.1 ${gatewayName}`);

// What the corked function below works on: set just before `cork`, which calls it at once.
let res: HttpResponse;
let x: Exchange;
let headBytes: Uint8Array | null = null;
let bodyView: Uint8Array;
let length = 0;
let closes = false;
let result = TAKEN;

/**
 * Adds what the core and the features add to an answer's head, of which `outBytes` are in `out` already.
 * @returns the whole head's bytes, or -1 if it does not fit
 */
export function finishAnswerHead(exchange: Exchange, outBytes: number, closeField: boolean): number {
  let end = putBytes(out, outBytes, VIA_FIELD);
  if (HAS_RESPONSE_HEAD && exchange.route >= 0) end = responseHead(exchange, out, end);
  if (closeField) end = putBytes(out, end, CLOSE_FIELD);
  return end > OUT_BYTES ? -1 : end;
}

/** Answers with a reply of our own. `res` is gone afterwards. */
export function sendReply(exchange: Exchange, reply: Reply, close: boolean): void {
  let head: Uint8Array = reply.head;
  const ruled = reply.fromFeature && (HAS_RESPONSE_HEAD || DROPS_RESPONSE_FIELDS);
  // Where uWebSockets.js closes with the answer's last byte it also says so; else we do.
  const saysSo = exchange.saysClose || (close && reply.bodiless);
  if (ruled || saysSo || (HAS_REFUSAL_HEAD && !reply.fromFeature)) {
    let end = ruled && DROPS_RESPONSE_FIELDS ? putKept(exchange.route, reply.head) : putBytes(out, 0, reply.head);
    if (ruled && HAS_RESPONSE_HEAD) end = responseHead(exchange, out, end);
    if (HAS_REFUSAL_HEAD && !reply.fromFeature) end = refusalHead(exchange, out, end);
    if (saysSo) end = putBytes(out, end, CLOSE_FIELD);
    if (end <= OUT_BYTES) head = headView(end);
  }
  if (reply.bodiless) sendBodiless(exchange, head, -1, close);
  else if (exchange.isHead) sendBodiless(exchange, head, reply.body.length, close);
  else {
    takeLast(exchange, head, reply.body, close);
    res.cork(corkedEnd);
  }
}

/** Copies an encoded head to `out` without the fields that the route's features drop; its end there. */
function putKept(route: number, head: Buffer): number {
  let end = 0;
  for (let line = 0; line < head.length; ) {
    const next = head.indexOf("\r\n", line + 2);
    const lineEnd = next === -1 ? head.length : next;
    // The first line is the status; the others start with the CRLF before them.
    const nameStart = line + 2;
    if (line === 0 || !dropsResponseField(route, head, nameStart, head.indexOf(":", nameStart))) {
      end = putBytes(out, end, head.subarray(line, lineEnd));
    }
    line = lineEnd;
  }
  return end;
}

/** Answers with a complete body, `slab[start, end)`. `res` is gone afterwards. */
export function sendWhole(exchange: Exchange, headEnd: number, start: number, end: number, close: boolean): void {
  takeLast(exchange, headView(headEnd), bodyBytes(start, end), close);
  res.cork(corkedEnd);
}

/** Answers without a body, reporting `reported` as Content-Length unless it is -1. `res` is gone afterwards. */
export function sendWithoutBody(exchange: Exchange, headEnd: number, reported: number, close: boolean): void {
  sendBodiless(exchange, headView(headEnd), reported, close);
}

function sendBodiless(exchange: Exchange, head: Uint8Array, reported: number, close: boolean): void {
  takeLast(exchange, head, head, close);
  length = reported;
  res.cork(corkedEndWithoutBody);
}

function take(exchange: Exchange, head: Uint8Array | null, body: Uint8Array, close: boolean): void {
  x = exchange;
  res = exchange.res!;
  headBytes = head;
  bodyView = body;
  closes = close;
}

/** For what ends the answer: body bytes that still come belong to nobody, the exchange may serve another by then. */
function takeLast(exchange: Exchange, head: Uint8Array | null, body: Uint8Array, close: boolean): void {
  take(exchange, head, body, close);
  if (!exchange.bodyReceived) res.onData(ignoreData);
}

function ignoreData(): void {}

function corkedEnd(): void {
  res.writeStatus(headBytes!);
  if (closes) res.end(bodyView, true);
  else res.end(bodyView);
}

function corkedEndWithoutBody(): void {
  res.writeStatus(headBytes!);
  if (length !== -1) res.endWithoutBody(length, closes);
  else {
    if (closes) res.pause();
    res.endWithoutBody();
  }
}

/** Starts an answer whose body will be streamed; `slab[start, end)` is its beginning and may be empty. */
export function startBody(exchange: Exchange, headEnd: number, start: number, end: number): number {
  exchange.res!.onWritable(exchange.onWritable);
  if (exchange.answersInChunks) return writeChunk(exchange, headView(headEnd), start, end);
  return tryEnd(exchange, headView(headEnd), start, end);
}

/** Goes on with a streamed body. */
export function continueBody(exchange: Exchange, start: number, end: number): number {
  if (start === end) return TAKEN;
  return exchange.answersInChunks ? writeChunk(exchange, null, start, end) : tryEnd(exchange, null, start, end);
}

/** Ends an answer in chunks, all of which the client has been given. `res` is gone afterwards. */
export function endChunks(exchange: Exchange): void {
  takeLast(exchange, null, slab, exchange.mustClose);
  res.cork(corkedEndChunks);
}

function corkedEndChunks(): void {
  if (closes) res.pause();
  res.end();
}

function tryEnd(exchange: Exchange, head: Uint8Array | null, start: number, end: number): number {
  const before = head === null ? exchange.res!.getWriteOffset() : 0;
  take(exchange, head, viewOf(start, end), exchange.mustClose);
  res.cork(corkedTryEnd);
  if (result !== SLOW) return result;
  return keepUnsent(exchange, start + res.getWriteOffset() - before, end);
}

function corkedTryEnd(): void {
  if (headBytes !== null) res.writeStatus(headBytes);
  result = TAKEN;
  if (bodyView.length === 0) return;
  // Once the last byte is written nothing more is read from a connection that must close.
  const isLast = closes && res.getWriteOffset() + bodyView.length >= x.responseBytesTotal;
  if (isLast) res.pause();
  const [ok, done] = res.tryEnd(bodyView, x.responseBytesTotal);
  result = done ? ENDED : ok ? TAKEN : SLOW;
  if (isLast && !done && !x.clientPaused) {
    res.resume();
    x.timerRuns = true;
  }
}

function writeChunk(exchange: Exchange, head: Uint8Array | null, start: number, end: number): number {
  if (exchange.clientSlow) {
    // Whether uWebSockets.js still holds earlier bytes shows in the fate of one more.
    take(exchange, head, viewOf(start, start + 1), false);
    res.cork(corkedWrite);
    if (result === SLOW) return keepUnsent(exchange, start + 1, end);
    exchange.clientSlow = false;
    start += 1;
  }
  take(exchange, head, viewOf(start, end), false);
  res.cork(corkedWrite);
  if (result === SLOW) exchange.clientSlow = true;
  return result;
}

function corkedWrite(): void {
  if (headBytes !== null) res.writeStatus(headBytes);
  result = bodyView.length === 0 || res.write(bodyView) ? TAKEN : SLOW;
}

function keepUnsent(exchange: Exchange, start: number, end: number): number {
  if (start === end) return SLOW;
  const window = takeWindow();
  if (window === null || end - start > WINDOW_BYTES) return NO_ROOM;
  slab.copy(window, 0, start, end);
  exchange.unsent = window;
  exchange.unsentStart = 0;
  exchange.unsentEnd = end - start;
  return SLOW;
}

/**
 * The client's socket can take bytes again: gives it what was kept. TAKEN says that the upstream may go on; the
 * caller gives `unsent` back once it is empty.
 */
export function drainClient(exchange: Exchange): number {
  const window = exchange.unsent;
  if (window === null) {
    take(exchange, null, slab, false);
    res.cork(corkedNothing);
    return TAKEN;
  }
  if (exchange.answersInChunks) return drainChunks(exchange, window);
  const before = exchange.res!.getWriteOffset();
  take(exchange, null, window.subarray(exchange.unsentStart, exchange.unsentEnd), exchange.mustClose);
  res.cork(corkedTryEnd);
  if (result === SLOW) {
    exchange.unsentStart += res.getWriteOffset() - before;
    return exchange.unsentStart === exchange.unsentEnd ? TAKEN : SLOW;
  }
  exchange.unsentStart = exchange.unsentEnd;
  return result;
}

function drainChunks(exchange: Exchange, window: Buffer): number {
  take(exchange, null, window.subarray(exchange.unsentStart, exchange.unsentStart + 1), false);
  res.cork(corkedWrite);
  exchange.unsentStart += 1;
  if (result === SLOW && exchange.unsentStart < exchange.unsentEnd) return SLOW;
  if (exchange.unsentStart < exchange.unsentEnd) {
    take(exchange, null, window.subarray(exchange.unsentStart, exchange.unsentEnd), false);
    res.cork(corkedWrite);
    exchange.unsentStart = exchange.unsentEnd;
  }
  exchange.clientSlow = result === SLOW;
  return TAKEN;
}

function corkedNothing(): void {}
