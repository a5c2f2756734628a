/**
 * One request and its answer: the pooled struct that the whole core and every feature work on.
 *
 * Every field is set once in the constructor and put back by `reset`, so that the object keeps one shape for years.
 * The closures that uWebSockets.js needs are made once per struct, not per request. The pool grows up to EXCHANGES_MAX
 * and never beyond; the next request is answered 503.
 */
import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import { EXCHANGES_MAX, HAS_DONE, HAS_ROUTE_LIMITS, REQUEST_HEAD_BYTES } from "#generated/constants.ts";
import type { Connection } from "./connection.ts";
import type { Reply } from "./fault.ts";
import type { EndpointPool } from "./pool.ts";
import { Record } from "./record.ts";
import { leaveRoute } from "./route-limits.ts";

/** Where an exchange stands; the picture is in proxy.ts. */
export const FREE = 0;
/** The request is being read and checked; nothing was sent to an upstream. */
export const ADMITTING = 1;
/** In the queue of an upstream whose connections are all taken. */
export const QUEUED = 2;
/** On a connection that is not open yet. */
export const CONNECTING = 3;
/** On an open connection; no complete answer head has come. */
export const SENT = 4;
/** The answer's head has been handed to the client; its body may be on the way. */
export const ANSWERING = 5;

/** Refused; the reply leaves when uWebSockets.js has done parsing what it has read (see `defer` in proxy.ts). */
export const REPLYING = 6;

/** Not an exchange any more: stands for one that was given up on a shared connection. */
export const DISCARDED = 7;

/** How the request's body is framed by the client. */
export const BODY_NONE = 0;
export const BODY_LENGTH = 1;
export const BODY_CHUNKED = 2;

export class Exchange {
  /** Its place among all exchanges, below EXCHANGES_MAX: features keep what they know of it in arrays. */
  readonly number: number;
  /** What became of it, where a feature wants to know. */
  readonly record: Record | null = HAS_DONE ? new Record() : null;
  state = FREE;
  /** Live until the answer has ended or the client has gone; null otherwise. */
  res: HttpResponse | null = null;
  /** Live only while the request handler runs: features may read fields from it in `request`. */
  req: HttpRequest | null = null;

  // The request, as matched and as forwarded.
  route = -1;
  method = "";
  isHead = false;
  path = "";
  query = "";
  hasQuery = false;
  host = "";
  requestId = "";

  // The request head towards the upstream: head[headStart, headEnd).
  readonly head: Buffer;
  headStart = 0;
  headEnd = 0;
  private headView: Uint8Array;
  private headViewStart = 0;
  private headViewEnd = 0;

  // The request body.
  bodyKind = BODY_NONE;
  /** Bytes announced by Content-Length, or 0. */
  bodyBytesAnnounced = 0;
  bodyBytesReceived = 0;
  bodyReceived = true;
  /** A window of body bytes that the connection could not take yet; the client is paused meanwhile. */
  held: Buffer | null = null;
  heldEnd = 0;
  clientPaused = false;
  /** uWebSockets.js's own 10 s timer may be running for this connection and has to be set anew until we are done. */
  timerRuns = false;

  /** After this answer the client's connection must not be used again. */
  mustClose = false;
  /** The client asked for the close in a way that uWebSockets.js acts on: it closes by itself, but does not say so. */
  saysClose = false;

  /** Among its route's requests in flight, where the route limits them. */
  isCounted = false;

  /** With state REPLYING. */
  reply: Reply | null = null;

  // The upstream side.
  connection: Connection | null = null;
  /** Endpoints that refused the connection so far. */
  endpointsTried = 0;
  /** Whether the one transparent retry on a fresh connection was spent. */
  replayed = false;
  /** The endpoint that failed it last. */
  avoids: EndpointPool | null = null;
  responseBytesTotal = 0;
  /** The answer's length is not known to the client beforehand: it goes out in chunks. */
  answersInChunks = false;
  /** Answer bytes the client could not take yet; the upstream is paused meanwhile. */
  unsent: Buffer | null = null;
  unsentStart = 0;
  unsentEnd = 0;
  /** A chunked write met back-pressure and it is not known whether uWebSockets.js has drained since. */
  clientSlow = false;
  /** The upstream's last byte came, but the client still has to take some. */
  answerReceived = false;

  // Deadlines in the clock of timers.ts, 0 for none.
  /** Of the present phase: connect, answer head, or idle between body bytes. */
  phaseDeadlineMs = 0;
  /** Of the whole exchange. */
  requestDeadlineMs = 0;

  readonly onAborted: () => void;
  readonly onData: (chunk: ArrayBuffer, isLast: boolean) => void;
  readonly onWritable: (offset: number) => boolean;

  constructor(number: number, head: Buffer, handlers: ExchangeHandlers) {
    this.number = number;
    this.head = head;
    this.headView = head.subarray(0, 0);
    this.onAborted = () => handlers.onAborted(this);
    this.onData = (chunk, isLast) => handlers.onData(this, chunk, isLast);
    this.onWritable = (offset) => handlers.onWritable(this, offset);
  }

  /** `head[headStart, headEnd)`. The view is kept, since many requests are as long as the one before. */
  get headBytes(): Uint8Array {
    if (this.headViewStart !== this.headStart || this.headViewEnd !== this.headEnd) {
      this.headViewStart = this.headStart;
      this.headViewEnd = this.headEnd;
      this.headView = this.head.subarray(this.headStart, this.headEnd);
    }
    return this.headView;
  }

  reset(): void {
    this.state = FREE;
    this.res = null;
    this.req = null;
    this.route = -1;
    this.method = "";
    this.isHead = false;
    this.path = "";
    this.query = "";
    this.hasQuery = false;
    this.host = "";
    this.requestId = "";
    this.headStart = 0;
    this.headEnd = 0;
    this.bodyKind = BODY_NONE;
    this.bodyBytesAnnounced = 0;
    this.bodyBytesReceived = 0;
    this.bodyReceived = true;
    this.held = null;
    this.heldEnd = 0;
    this.clientPaused = false;
    this.timerRuns = false;
    this.mustClose = false;
    this.saysClose = false;
    this.isCounted = false;
    this.reply = null;
    this.connection = null;
    this.endpointsTried = 0;
    this.replayed = false;
    this.avoids = null;
    this.responseBytesTotal = 0;
    this.answersInChunks = false;
    this.unsent = null;
    this.unsentStart = 0;
    this.unsentEnd = 0;
    this.clientSlow = false;
    this.answerReceived = false;
    this.phaseDeadlineMs = 0;
    this.requestDeadlineMs = 0;
  }
}

/** What the pool's owner does when uWebSockets.js calls. */
export interface ExchangeHandlers {
  onAborted(x: Exchange): void;
  onData(x: Exchange, chunk: ArrayBuffer, isLast: boolean): void;
  onWritable(x: Exchange, offset: number): boolean;
}

/** Exchanges whose head buffers are one allocation, and which are never given back; pages not reached stay untouched. */
const BLOCK = 64;
let heads: Buffer;
/** All exchanges there are; walked by the clock. */
export const exchanges: Exchange[] = [];
const free: Exchange[] = [];

/** A clean exchange in state ADMITTING, or null when EXCHANGES_MAX are in flight. */
export function takeExchange(handlers: ExchangeHandlers): Exchange | null {
  let x = free.pop();
  if (x === undefined) {
    if (exchanges.length === EXCHANGES_MAX) return null;
    const at = (exchanges.length % BLOCK) * REQUEST_HEAD_BYTES;
    if (at === 0) heads = Buffer.allocUnsafeSlow(BLOCK * REQUEST_HEAD_BYTES);
    x = new Exchange(exchanges.length, heads.subarray(at, at + REQUEST_HEAD_BYTES), handlers);
    exchanges.push(x);
  }
  x.state = ADMITTING;
  return x;
}

export function freeExchange(x: Exchange): void {
  if (HAS_ROUTE_LIMITS) leaveRoute(x);
  x.reset();
  free.push(x);
}

export function exchangesInFlight(): number {
  return exchanges.length - free.length;
}

/** Whether there were ever more in flight than fit the first block. */
export function haveExchangesGrown(): boolean {
  return exchanges.length > BLOCK;
}

/** Lets all but the first block go; to be called with none in flight. */
export function shrinkExchanges(): void {
  if (!haveExchangesGrown()) return;
  exchanges.length = BLOCK;
  free.length = 0;
  free.push(...exchanges);
}
