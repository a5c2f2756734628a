/**
 * The life of one exchange: the state machine between a client's request and an upstream's answer.
 *
 * ```
 *              no connection free            connected
 *  ADMITTING ──────────▶ QUEUED ──▶ CONNECTING ──────▶ SENT ──head──▶ ANSWERING ──▶ (freed)
 *      │  └───────── idle connection ────────────────▶  ▲ │               │
 *      │                                  one replay ───┘ │               │
 *      ▼                                                  ▼               ▼
 *   reply (400, 404, …, a feature's answer)           502, 503, 504   cut: both sides closed
 * ```
 *
 * Before the answer's head went out a failure becomes a reply; after it, only a cut connection can tell the client.
 * Every end goes through `end…`, `fail` or `cut`, which put back what the exchange holds. A connection goes back to
 * its pool only after a complete exchange of which nothing is in doubt; in every other case it is closed.
 */
import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import { arrive, done, request, upstreamError } from "#generated/chains.ts";
import {
  HAS_ARRIVE,
  HAS_DONE,
  HAS_HOSTS,
  HAS_PIPELINING,
  HAS_QUERY_CONDITIONS,
  HAS_REQUEST,
  HAS_ROUTE_LIMITS,
  HAS_UPDATE,
  HAS_UPSTREAM_ERROR,
  RESPONSE_HEAD_BYTES_MAX,
  TARGET_BYTES_MAX,
  TELLS_LISTENER,
} from "#generated/constants.ts";
import { allowedMethods, match, repeatsParameter } from "#generated/matcher.ts";
import {
  routeBodyBytesMax,
  routeConnectMs,
  routeIdleMs,
  routeQueueMs,
  routeRequestMs,
  routeResponseHeaderMs,
  routeUpstream,
  upstreams,
} from "#generated/tables.ts";
import * as answer from "./answer.ts";
import { arriveBy } from "./arrival.ts";
import { UNTIL_CLOSE, UNTIL_HEAD, UNTIL_LENGTH } from "./body-reader.ts";
import { BUSY, type Connection, type ConnectionOwner, OPENING } from "./connection.ts";
import {
  ADMITTING,
  ANSWERING,
  BODY_LENGTH,
  BODY_NONE,
  CONNECTING,
  DISCARDED,
  Exchange,
  type ExchangeHandlers,
  exchanges,
  FREE,
  freeExchange,
  QUEUED,
  REPLYING,
  SENT,
  takeExchange,
} from "./exchange.ts";
import * as fault from "./fault.ts";
import * as h1 from "./h1-read.ts";
import { fieldsRead, finishHead, readFields } from "./h1-write.ts";
import { isIdempotent, isSafe, methodBit } from "./method.ts";
import { UpstreamPool } from "./pool.ts";
import { ABORTED, beginRecord, CUT, noteAnswer, noteClient, noteFault } from "./record.ts";
import { resumeBody, takeBody } from "./request-body.ts";
import { enterRoute } from "./route-limits.ts";
import { READ_AT } from "./slab.ts";
import { hostName, isCleanQuery, isHost, normalisePath } from "./target.ts";
import { addWalker, deadlineIn, hasPassed, nowMs, soon, wakeClock } from "./timers.ts";
import { countAnswer, isCounting } from "./upgrade/counts.ts";
import { giveWindow } from "./windows.ts";

export let draining = false;

/** From now on every answer closes its connection, or does not any more. */
export function setDraining(on: boolean): void {
  draining = on;
}

const handlers: ExchangeHandlers = { onAborted, onData, onWritable };
const owner: ConnectionOwner = { onOpen, onBytes, onFlushed, onClosed };
/** By upstream. */
export const pools = upstreams.map((upstream) => new UpstreamPool(upstream, owner));
addWalker(walkExchanges);

// ── The request ────────────────────────────────────────────────────────────────────────────────────────────────────

/** A request's head is complete. `req` is dead when this returns; `listener` is left out where it makes no difference. */
export function handle(res: HttpResponse, req: HttpRequest, listener = 0): void {
  wakeClock();
  const x = takeExchange(handlers);
  if (x === null) {
    refuse(res, req);
    return;
  }
  x.res = res;
  x.req = req;
  if (HAS_DONE) beginRecord(x);
  const number = admit(x, req, listener);
  x.req = null;
  if (number !== 0) {
    refuseOrAnswer(x, number);
    return;
  }
  res.onAborted(x.onAborted);
  if (!x.bodyReceived) res.onData(x.onData);
  x.requestDeadlineMs = deadlineIn(routeRequestMs[x.route]!);
  if (!tryDispatch(x, false)) failParsing(x, fault.UPSTREAM_BUSY);
}

/** Everything that is decided before an upstream is involved: 0, or what to answer with. */
export function admit(x: Exchange, req: HttpRequest, listener: number): number {
  x.method = req.getCaseSensitiveMethod();
  x.isHead = x.method === "HEAD";
  const query = req.getQuery() as string | undefined;
  x.hasQuery = query !== undefined;
  const url = req.getUrl();
  const uriBytes = url.length + (query ?? "").length;
  const tooLong = uriBytes > TARGET_BYTES_MAX;
  if (!tooLong) {
    x.query = query ?? "";
    x.path = normalisePath(url);
    if (HAS_DONE) x.record!.path = x.path;
  }
  let host = "";
  if (HAS_HOSTS) {
    const field = req.getHeader("host");
    if (isHost(field)) host = hostName(field);
  }
  const bit = methodBit(x.method);
  if (x.path !== "") x.route = match(listener, host, bit, x.path, x.query, req);

  // The fields are read even where no route matched: they decide whether the connection can go on.
  const refused = readFields(x, req);
  if (TELLS_LISTENER) arriveBy(listener);
  if (HAS_ARRIVE) arrive(x);
  if (refused !== 0) return refused;
  if (tooLong) return fault.TARGET_TOO_LONG;
  if (x.path === "" || !isCleanQuery(x.query)) return fault.BAD_TARGET;
  if (HAS_QUERY_CONDITIONS && repeatsParameter) return fault.BAD_TARGET;
  if (bit === 0) return fault.METHOD_NOT_IMPLEMENTED;
  if (x.route < 0)
    return x.route === -2 ? fault.METHOD_NOT_ALLOWED : x.route === -3 ? fault.MISDIRECTED : fault.NOT_FOUND;
  if (x.bodyKind === BODY_LENGTH && x.bodyBytesAnnounced > routeBodyBytesMax[x.route]!) return fault.BODY_TOO_LARGE;
  if (HAS_ROUTE_LIMITS) {
    const number = enterRoute(x, uriBytes, fieldsRead);
    if (number !== 0) return number;
  }
  if (HAS_REQUEST) {
    const number = request(x);
    if (number !== 0) return number;
  }
  return finishHead(x);
}

/** A reply of our own to a request that is still being parsed. */
function refuseOrAnswer(x: Exchange, number: number): void {
  if (HAS_DONE) noteClient(x);
  const built = replyTo(number);
  if (closesAfter(x, built)) {
    x.res!.onAborted(x.onAborted);
    defer(x, built);
  } else reply(x, built);
}

/** The encoded reply of a number that `admit` gave. */
export function replyTo(number: number): fault.Reply {
  return number === fault.METHOD_NOT_ALLOWED ? fault.methodNotAllowed(allowedMethods) : fault.replyOf(number);
}

/** All exchanges are in use: the only answer that is given without one. */
function refuse(res: HttpResponse, req: HttpRequest): void {
  const overloaded = fault.replyOf(fault.OVERLOADED);
  const isHead = req.getCaseSensitiveMethod() === "HEAD";
  if (HAS_DONE) recordRefused(res, req);
  res.writeStatus(overloaded.head);
  if (isHead) res.endWithoutBody(overloaded.body.length, true);
  else res.end(overloaded.body, true);
}

/** Stands for requests that get no exchange. */
const refused = HAS_DONE ? new Exchange(0, Buffer.alloc(0), handlers) : null;

function recordRefused(res: HttpResponse, req: HttpRequest): void {
  const x = refused!;
  x.res = res;
  beginRecord(x);
  noteClient(x);
  x.method = req.getCaseSensitiveMethod();
  noteReply(x, fault.replyOf(fault.OVERLOADED));
  endRecord(x);
  x.reset();
}

function noteReply({ record, method }: Exchange, { number, head, body }: fault.Reply): void {
  const r = record!;
  if (r.fault === 0) r.fault = number;
  if (r.reason === "") r.reason = fault.codeOf(number);
  r.status = (head[0]! - 48) * 100 + (head[1]! - 48) * 10 + head[2]! - 48;
  r.responseBytes = method === "HEAD" ? 0 : body.length;
}

// ── To the upstream ────────────────────────────────────────────────────────────────────────────────────────────────

function dispatch(x: Exchange, fresh: boolean): void {
  if (!tryDispatch(x, fresh)) fail(x, fault.UPSTREAM_BUSY);
}

/** Puts the exchange on a connection or in the queue; false if both are full. */
function tryDispatch(x: Exchange, fresh: boolean): boolean {
  const pool = poolOf(x);
  // Nobody passes those that wait, but what is sent again has waited already.
  const passes = fresh || pool.firstWaiting === undefined;
  const connection = passes ? pool.take(fresh, HAS_PIPELINING && mayShare(x), x.avoids) : null;
  if (connection !== null) {
    assign(x, connection);
    return true;
  }
  x.state = QUEUED;
  x.phaseDeadlineMs = deadlineIn(routeQueueMs[x.route]!);
  return pool.wait(x);
}

/**
 * Whether the request may be one of several on a connection: whatever happens to the others, it can be sent again. One
 * that was sent again already goes alone, so that it depends on no other.
 */
function mayShare(x: Exchange): boolean {
  return x.bodyKind === BODY_NONE && !x.replayed && isSafe(x.method);
}

function poolOf(x: Exchange): UpstreamPool {
  return pools[routeUpstream[x.route]!]!;
}

function assign(x: Exchange, connection: Connection): void {
  x.connection = connection;
  if (HAS_DONE) x.record!.endpoint = poolOf(x).endpoints.indexOf(connection.pool);
  connection.send(x);
  if (connection.state === OPENING) {
    x.state = CONNECTING;
    x.phaseDeadlineMs = deadlineIn(routeConnectMs[x.route]!);
  } else begin(x, connection);
}

/** The connection is open: the head leaves at the end of this turn, and a body that was held goes with it. */
function begin(x: Exchange, connection: Connection): void {
  x.state = SENT;
  if (connection.exchange === x) setWaitDeadline(x);
  else x.phaseDeadlineMs = 0;
  if (!x.bodyReceived || x.held !== null) resumeBody(x, connection);
}

/** While the body is on its way its pauses count, then the wait for the answer's head. */
function setWaitDeadline(x: Exchange): void {
  x.phaseDeadlineMs = deadlineIn(x.bodyReceived ? routeResponseHeaderMs[x.route]! : routeIdleMs[x.route]!);
}

/**
 * With pipelining only the first in line waits for the upstream, the others for those before them. Where the first was
 * given up, the next one's deadline stands for the connection's.
 */
function watchFirst(connection: Connection): void {
  let first: Exchange | undefined = connection.exchange!;
  if (first.state === DISCARDED) first = connection.following.find((x) => x.state !== DISCARDED);
  if (first !== undefined && first.state === SENT && first.phaseDeadlineMs === 0) setWaitDeadline(first);
}

function onOpen(connection: Connection): void {
  connection.pool.markUp();
  const x = connection.exchange;
  if (x !== null) beginLive(x, connection);
  if (HAS_PIPELINING) for (const follower of connection.following) beginLive(follower, connection);
}

function beginLive(x: Exchange, connection: Connection): void {
  if (x.state === CONNECTING) begin(x, connection);
}

function onData(x: Exchange, chunk: ArrayBuffer, isLast: boolean): void {
  if (x.state === FREE || x.state === REPLYING || x.bodyReceived) return;
  if (x.bodyBytesReceived + chunk.byteLength > routeBodyBytesMax[x.route]!) {
    failParsing(x, fault.BODY_TOO_LARGE);
    return;
  }
  if (x.state === SENT || x.state === ANSWERING) x.phaseDeadlineMs = deadlineIn(routeIdleMs[x.route]!);
  if (!takeBody(x, new Uint8Array(chunk), isLast)) {
    failParsing(x, fault.OVERLOADED);
    return;
  }
  if (isLast && x.state === SENT) setWaitDeadline(x);
}

function onFlushed(connection: Connection): void {
  if (connection.window !== null) {
    giveWindow(connection.window);
    connection.window = null;
  }
  const x = connection.exchange;
  if (x === null || connection.state !== BUSY) return;
  if (!x.bodyReceived || x.held !== null) {
    x.phaseDeadlineMs = deadlineIn(routeIdleMs[x.route]!);
    resumeBody(x, connection);
  }
}

// ── From the upstream ──────────────────────────────────────────────────────────────────────────────────────────────

function onBytes(connection: Connection, bytes: number): void {
  const end = READ_AT + bytes;
  let at = READ_AT;
  if (connection.stashBytes > 0) {
    at -= connection.stashBytes;
    connection.takeBack(at);
  }
  // With pipelining a read may hold several answers.
  while (at < end) {
    const x = connection.exchange;
    if (x === null) {
      // Bytes that nobody asked for: no exchange may ever see them.
      connection.close();
      return;
    }
    if (connection.isEarly) {
      refuseAnswer(x, connection, fault.UPSTREAM_MALFORMED);
      return;
    }
    connection.answering = true;
    at =
      x.state === ANSWERING || connection.discarding
        ? readBody(x, connection, at, end)
        : readAnswer(x, connection, at, end);
  }
}

/** Nothing is left to do with what was read. */
const CONSUMED = Number.MAX_SAFE_INTEGER;

/**
 * The head of an answer, after any interim ones, is in slab[at, end) as far as it has come.
 * @returns where the next answer starts, or CONSUMED
 */
function readAnswer(x: Exchange, connection: Connection, at: number, end: number): number {
  while (at < end) {
    switch (h1.readHead(at, end, x.route, x.isHead)) {
      case h1.COMPLETE:
        return startAnswer(x, connection, h1.head.end, end);
      case h1.INTERIM:
        at = h1.head.end;
        break;
      case h1.NEED_MORE:
        if (end - at > RESPONSE_HEAD_BYTES_MAX) refuseAnswer(x, connection, fault.UPSTREAM_MALFORMED);
        else if (!connection.putAside(at, end)) refuseAnswer(x, connection, fault.OVERLOADED);
        return CONSUMED;
      default:
        refuseAnswer(x, connection, fault.UPSTREAM_MALFORMED);
        return CONSUMED;
    }
  }
  return CONSUMED;
}

/**
 * An answer that is there as a whole is handed over at once up to this size, head included: what the client does not
 * take then is uWebSockets.js's to keep, for each connection, without an exchange. A larger one is streamed.
 */
const WHOLE_BYTES_MAX = 20 * 1024;

/** The head is read; what came of the body, and of the next answers, is in slab[at, end). */
function startAnswer(x: Exchange, connection: Connection, at: number, end: number): number {
  const { reader } = connection;
  const { body, length, outBytes } = h1.head;
  connection.persistent = h1.head.persistent;
  if (HAS_DONE && x.state !== DISCARDED) noteAnswer(x, h1.head.status);
  reader.begin(body, length);
  if (HAS_PIPELINING && x.state === DISCARDED) {
    connection.discarding = true;
    return readBody(x, connection, at, end);
  }
  // The request is still coming in: what is left of it must never be taken for the next one.
  if (!x.bodyReceived) x.mustClose = true;
  const closes = x.mustClose || x.saysClose || draining;
  const wellFormed = takeBodyRange(connection, at, end);
  const { complete, next } = reader;
  const whole = complete && outBytes + reader.end - at <= WHOLE_BYTES_MAX;
  // Where uWebSockets.js closes with the answer's last byte it also says so; else we do.
  const saysSo = whole && (body !== UNTIL_HEAD || length !== -1);
  const headEnd = answer.finishAnswerHead(x, outBytes, x.saysClose || (closes && !saysSo));
  if (!wellFormed || headEnd === -1) {
    refuseAnswer(x, connection, fault.UPSTREAM_MALFORMED);
    return CONSUMED;
  }
  if (HAS_DONE && body !== UNTIL_HEAD) x.record!.responseBytes = reader.end - at;
  if (whole) {
    // It ends as it begins: the clock need not be asked again.
    if (HAS_DONE) x.record!.durationMs = x.record!.upstreamMs;
    if (body === UNTIL_HEAD) answer.sendWithoutBody(x, headEnd, length, closes);
    else answer.sendWhole(x, headEnd, at, reader.end, closes);
    finish(x, connection);
    return next;
  }
  x.state = ANSWERING;
  x.phaseDeadlineMs = deadlineIn(routeIdleMs[x.route]!);
  x.answerReceived = complete;
  x.answersInChunks = body !== UNTIL_LENGTH && !complete;
  x.responseBytesTotal = complete ? reader.end - at : length;
  settle(x, connection, answer.startBody(x, headEnd, at, reader.end));
  return next;
}

/** More of the body, and perhaps the next answers, are in slab[at, end). */
function readBody(x: Exchange, connection: Connection, at: number, end: number): number {
  const { reader } = connection;
  if (!takeBodyRange(connection, at, end) || (connection.discarding && reader.kind === UNTIL_CLOSE)) {
    if (HAS_PIPELINING && connection.discarding) closeConnection(connection);
    else fail(x, fault.UPSTREAM_MALFORMED);
    return CONSUMED;
  }
  const { complete, next } = reader;
  if (HAS_PIPELINING && connection.discarding) {
    if (complete) part(connection);
    return next;
  }
  x.phaseDeadlineMs = deadlineIn(routeIdleMs[x.route]!);
  x.answerReceived = complete;
  if (HAS_DONE) x.record!.responseBytes += reader.end - at;
  settle(x, connection, answer.continueBody(x, at, reader.end));
  return next;
}

/** Finds the body in slab[at, end). Bytes behind it that belong to no answer end the connection after this one. */
function takeBodyRange(connection: Connection, at: number, end: number): boolean {
  const { reader } = connection;
  if (!reader.take(at, end)) return false;
  if (reader.complete && reader.next < end && connection.following.length === 0) connection.persistent = false;
  return true;
}

/** What becomes of the exchange after body bytes were handed to the client. */
function settle(x: Exchange, connection: Connection | null, result: number): void {
  // A write that was not taken whole makes uSockets poll for reading again, whatever was paused.
  if (x.clientPaused && result !== answer.ENDED) x.res?.pause();
  switch (result) {
    case answer.TAKEN:
      if (x.answersInChunks && x.answerReceived) {
        answer.endChunks(x);
        finish(x, connection);
      }
      return;
    case answer.ENDED:
      finish(x, connection);
      return;
    case answer.SLOW:
      // The upstream's part may be over; the connection need not wait for the client.
      if (x.answerReceived && connection !== null) {
        x.connection = null;
        if (!isSent(x)) connection.persistent = false;
        part(connection);
      } else connection?.pauseReading();
      return;
    default:
      fail(x, fault.OVERLOADED);
  }
}

function onWritable(x: Exchange): boolean {
  if (x.state === ANSWERING) giveMore(x, true);
  return true;
}

/** @param told whether there is room again, or it is only tried */
function giveMore(x: Exchange, told: boolean): void {
  const { connection, unsent, unsentStart, clientSlow } = x;
  const result = answer.drainClient(x);
  // In chunks, bytes that are gone from the window may be with uWebSockets.js.
  const hasTaken = x.answersInChunks ? unsent !== null && result !== answer.SLOW : x.unsentStart > unsentStart;
  // Where it waited for nothing it is told, too, each time it is resumed.
  if (hasTaken || (told && clientSlow)) x.phaseDeadlineMs = deadlineIn(routeIdleMs[x.route]!);
  if (x.unsent !== null && x.unsentStart === x.unsentEnd) {
    giveWindow(x.unsent);
    x.unsent = null;
  }
  if (result === answer.TAKEN && !x.answerReceived) connection?.resumeReading();
  settle(x, connection, result);
}

// ── Ends ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Whether nothing of the request's body is still to come on its connection. */
function isSent(x: Exchange): boolean {
  return x.bodyReceived && x.held === null;
}

/** The answer is with the client, `res` is gone. */
function finish(x: Exchange, connection: Connection | null): void {
  x.res = null;
  x.connection = null;
  if (connection !== null) {
    if (!isSent(x)) connection.persistent = false;
    part(connection);
  }
  put(x);
}

/** An answer is complete: the connection goes on with the next exchange, or back to its pool, if nothing is in doubt. */
function part(connection: Connection): void {
  const pool = connection.pool.group;
  const clean = connection.persistent && !draining;
  connection.advance();
  if (!clean || !connection.isWritten) {
    closeConnection(connection);
    return;
  }
  if (HAS_PIPELINING && connection.exchange !== null) {
    watchFirst(connection);
    // There is room for one more.
    if (pool.firstWaiting !== undefined && mayShare(pool.firstWaiting)) serveWaiting(pool);
    return;
  }
  const waiting = pool.firstWaiting;
  if (waiting === undefined) connection.pool.release(connection);
  else if (waiting.replayed) {
    // What is sent again needs a fresh connection, and this one's place.
    closeConnection(connection);
  } else {
    pool.stopWaiting(waiting);
    if (HAS_PIPELINING) connection.pool.share(connection, mayShare(waiting));
    assign(waiting, connection);
  }
}

/** Gives connections to those that wait, in their order, as far as there are any. */
function serveWaiting(pool: UpstreamPool): void {
  for (let x = pool.firstWaiting; x !== undefined; x = pool.firstWaiting) {
    const connection = pool.take(x.replayed, HAS_PIPELINING && mayShare(x), x.avoids);
    if (connection === null) return;
    pool.stopWaiting(x);
    assign(x, connection);
  }
}

/** Whether nothing may follow on the client's connection. */
function closesAfter(x: Exchange, built: fault.Reply): boolean {
  return built.closes || x.mustClose || x.saysClose || draining || !x.bodyReceived;
}

/** Answers instead of the upstream, before any byte of an answer went out. */
function reply(x: Exchange, built: fault.Reply): void {
  if (HAS_DONE) noteReply(x, built);
  answer.sendReply(x, built, closesAfter(x, built));
  x.res = null;
  put(x);
}

/**
 * A reply after which the connection closes waits until uWebSockets.js has parsed all it has read: answered at once, it
 * would take what stands behind this request in the same segment for another one, and serve it before it closes. As
 * long as an answer is due, a further request makes it close the connection instead.
 */
function defer(x: Exchange, built: fault.Reply): void {
  x.state = REPLYING;
  x.reply = built;
  if (deferred.length === 0) soon(sendDeferred);
  deferred.push(x);
}

const deferred: Exchange[] = [];

function sendDeferred(): void {
  for (let i = 0; i < deferred.length; i++) {
    const x = deferred[i]!;
    // The client may have gone meanwhile, and the exchange may serve another one.
    if (x.state === REPLYING) reply(x, x.reply!);
  }
  deferred.length = 0;
}

/** `fail` for what shows while the client's bytes are being parsed. */
function failParsing(x: Exchange, number: number): void {
  if (HAS_DONE) noteFault(x, number);
  if (x.state === ANSWERING) {
    cut(x);
    return;
  }
  leaveUpstream(x, false);
  defer(x, replyTo(number));
}

/** Something went wrong: a reply if the client has seen nothing yet, else a cut. */
function fail(x: Exchange, number: number): void {
  if (HAS_DONE) noteFault(x, number);
  if (HAS_UPSTREAM_ERROR && fault.isUpstreams(number)) upstreamError(x, number);
  if (x.state === ANSWERING) {
    cut(x);
    return;
  }
  leaveUpstream(x, true);
  reply(x, replyTo(number));
}

/** What the upstream sent cannot be passed on; the exchange it was for may have been given up already. */
function refuseAnswer(x: Exchange, connection: Connection, number: number): void {
  if (x.state === DISCARDED) closeConnection(connection);
  else fail(x, number);
}

/** Closes both sides in the middle of an answer: the client can tell that it is not complete. */
function cut(x: Exchange): void {
  if (HAS_DONE) x.record!.ended = CUT;
  const { res } = x;
  x.res = null;
  leaveUpstream(x, true);
  put(x);
  // Calls onAborted, which finds the exchange free.
  res?.close();
}

function onAborted(x: Exchange): void {
  if (x.state === FREE || x.res === null) return;
  x.res = null;
  if (HAS_DONE) x.record!.ended = ABORTED;
  leaveUpstream(x, false);
  put(x);
}

/**
 * Gives up on the upstream's side. The connection is closed, since an answer may still come on it; only one that is
 * shared stays open for the others, and the answer that comes for nobody is read and dropped.
 * @param stuck the connection itself is the reason: it has not answered in time, or not well
 */
function leaveUpstream(x: Exchange, stuck: boolean): void {
  const { connection } = x;
  if (x.state === QUEUED) poolOf(x).stopWaiting(x);
  if (connection === null) return;
  x.connection = null;
  if (HAS_PIPELINING && connection.inFlight > 1) {
    const blocks = stuck && (connection.exchange === x || connection.exchange!.state === DISCARDED);
    if (!blocks && connection.withdraw(x)) return;
    connection.replace(x, x.isHead ? discardedHead : discardedGet);
    if (!blocks && x.state !== ANSWERING && connection.isWritten && !connection.carriesOnly(DISCARDED)) {
      watchFirst(connection);
      return;
    }
  } else if (HAS_PIPELINING) connection.replace(x, discardedGet);
  closeConnection(connection);
}

/** Stand for exchanges that were given up on a shared connection, so that their answers are told from the next ones. */
const discardedGet = makeDiscarded(false);
const discardedHead = makeDiscarded(true);

function makeDiscarded(isHead: boolean): Exchange {
  const x = new Exchange(0, Buffer.alloc(0), handlers);
  x.state = DISCARDED;
  x.isHead = isHead;
  return x;
}

/** Sends what failed on this connection once more, to another endpoint if one can be had: it may be that this one ends. */
function retry(x: Exchange, failed: Connection, number: number): void {
  x.avoids = failed.pool;
  if (HAS_DONE) x.record!.retries += 1;
  if (HAS_UPSTREAM_ERROR) upstreamError(x, number);
  dispatch(x, true);
}

/** Closes a connection; the others that shared it are sent once more, which their methods allow (RFC 9110 9.2.2). */
function closeConnection(connection: Connection): void {
  const pool = connection.pool.group;
  const others = HAS_PIPELINING ? connection.takeExchanges() : [];
  connection.close();
  for (const x of others) {
    if (x.state === DISCARDED) continue;
    x.connection = null;
    if (x.state === ANSWERING || x.replayed) fail(x, fault.UPSTREAM_CLOSED);
    else {
      x.replayed = true;
      retry(x, connection, fault.UPSTREAM_CLOSED);
    }
  }
  serveWaiting(pool);
}

/** Calls the features; to be called once, before the exchange is freed. */
function endRecord(x: Exchange): void {
  const r = x.record!;
  if (r.durationMs === 0) r.durationMs = performance.now() - r.startedMs;
  done(x);
  if (HAS_UPDATE && isCounting) {
    countAnswer(r.status >= 500 || r.ended === CUT, r.durationMs, r.ended === ABORTED);
  }
}

/** Puts back what the exchange holds, and itself. */
function put(x: Exchange): void {
  if (HAS_DONE) endRecord(x);
  if (x.held !== null) giveWindow(x.held);
  if (x.unsent !== null) giveWindow(x.unsent);
  freeExchange(x);
}

// ── Failures of the upstream ───────────────────────────────────────────────────────────────────────────────────────

function onClosed(connection: Connection, error: string): void {
  const x = connection.exchange;
  const opening = connection.state === OPENING;
  if (opening) connection.pool.markDown();
  if (x === null) return;
  if (x.state === ANSWERING) {
    if (connection.reader.kind === UNTIL_CLOSE && error === "") endUntilClose(x, connection);
    else fail(x, fault.UPSTREAM_CLOSED);
    return;
  }
  const replayable = mayReplay(x, connection);
  const others = connection.takeExchanges();
  connection.close();
  for (const other of others) {
    if (other.state === DISCARDED) continue;
    other.connection = null;
    if (opening) tryElsewhere(other, connection, error);
    else if (other === x ? replayable : !other.replayed) {
      other.replayed = true;
      retry(other, connection, fault.UPSTREAM_CLOSED);
    } else fail(other, fault.UPSTREAM_CLOSED);
  }
  serveWaiting(connection.pool.group);
}

/** The body that only the connection's end could end has ended. */
function endUntilClose(x: Exchange, connection: Connection): void {
  x.answerReceived = true;
  connection.persistent = false;
  if (x.unsent === null) settle(x, connection, answer.TAKEN);
  else {
    x.connection = null;
    part(connection);
  }
}

function tryElsewhere(x: Exchange, connection: Connection, error: string): void {
  x.endpointsTried += 1;
  const number = isUnresolved(error) ? fault.UPSTREAM_UNRESOLVED : fault.UPSTREAM_REFUSED;
  if (x.endpointsTried < poolOf(x).endpoints.length) retry(x, connection, number);
  else fail(x, number);
}

/** getaddrinfo's errors. */
function isUnresolved(error: string): boolean {
  return error === "ENOTFOUND" || error.startsWith("EAI_");
}

/**
 * A reused connection may have been closed by the upstream while the request was on its way. The request is sent once
 * more if that cannot do harm: idempotent, no body, not a byte of an answer (RFC 9110 9.2.2).
 */
function mayReplay(x: Exchange, connection: Connection): boolean {
  return (
    connection.served > 0 && !connection.answering && !x.replayed && x.bodyKind === BODY_NONE && isIdempotent(x.method)
  );
}

// ── Time ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** How often that timer is set anew; it runs 10 s, counted in steps of 4. */
const REARM_MS = 3000;
let nextRearmMs = 0;

/**
 * Every tick: ends what waited too long, gives more of an answer to clients whose uploads are paused, since a paused
 * connection does not tell that it is writable, and keeps uWebSockets.js's own timer from ending what may wait.
 */
function walkExchanges(): boolean {
  const rearm = nowMs >= nextRearmMs;
  if (rearm) nextRearmMs = nowMs + REARM_MS;
  let waiting = false;
  for (let i = 0; i < exchanges.length; i++) {
    const x = exchanges[i]!;
    if (x.state === FREE || x.state === ADMITTING || x.state === REPLYING) continue;
    waiting = true;
    if (hasPassed(x.requestDeadlineMs)) expire(x, fault.REQUEST_TIMEOUT);
    else if (hasPassed(x.phaseDeadlineMs)) expire(x, phaseFault(x));
    else if (x.clientPaused && (x.unsent !== null || x.clientSlow)) giveMore(x, false);
    else if (rearm) rearmTimer(x);
  }
  return waiting;
}

function expire(x: Exchange, number: number): void {
  const { connection } = x;
  if (x.state === CONNECTING) connection?.pool.markDown();
  // It was another one, given up since, whose answer did not come: this one is sent once more with the others.
  const innocent = HAS_PIPELINING && x.state === SENT && connection !== null && connection.exchange !== x;
  if (innocent && number !== fault.REQUEST_TIMEOUT) closeConnection(connection);
  else fail(x, number);
}

function phaseFault(x: Exchange): number {
  if (x.state === QUEUED) return fault.UPSTREAM_BUSY;
  if (x.state === CONNECTING) return fault.CONNECT_TIMEOUT;
  // A client that we paused ourselves is not the one who keeps us waiting.
  return x.bodyReceived || x.clientPaused ? fault.RESPONSE_TIMEOUT : fault.BODY_IDLE;
}

/**
 * uWebSockets.js closes a connection 10 s after it was last set to wait for body bytes or for a slow client. How long
 * either may take is the route's `idle`, so its timer is set anew: only a pause and a resume do that.
 */
function rearmTimer(x: Exchange): void {
  const slow = !x.bodyReceived || x.timerRuns || x.unsent !== null || x.clientSlow;
  if (slow && !x.clientPaused && x.res !== null) {
    x.res.pause();
    x.res.resume();
  }
}
