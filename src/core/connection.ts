/**
 * One connection to an endpoint of an upstream: a raw socket, no HTTP syntax.
 *
 * ```
 *  open ──▶ OPENING ──connected──▶ BUSY ──release──▶ IDLE ──take──▶ BUSY …
 *              │                     │                 │
 *              └──refused, timeout───┴──end, error─────┴──▶ CLOSED (never comes back)
 * ```
 *
 * Reads of all sockets go into the slab's one read area. A head without a body leaves at once; one with a body waits for
 * the turn's end, to leave with the first of it, and so do all of a connection that is shared. With pipelining several exchanges are on one connection;
 * HTTP/1.1 answers them in order, so `exchange` is the one whose answer comes next and `following` are those behind.
 */
import { HAS_NAMES, HAS_PIPELINING } from "#generated/constants.ts";
import { BodyReader } from "./body-reader.ts";
import type { Exchange } from "./exchange.ts";
import type { EndpointPool } from "./pool.ts";
import { generationOf } from "./resolve.ts";
import { slab } from "./slab.ts";
import { countClosed } from "./tidy.ts";
import { Transport, type TransportOwner } from "./transport.ts";
import { giveWindow, takeWindow } from "./windows.ts";

export const OPENING = 0;
export const BUSY = 1;
export const IDLE = 2;
export const CLOSED = 3;

/** Who works with the connections: the proxy's state machine. */
export interface ConnectionOwner {
  onOpen(connection: Connection): void;
  /** Bytes are in `readArea[0, bytes)` and gone when this returns. */
  onBytes(connection: Connection, bytes: number): void;
  /** All that was written has reached the kernel. */
  onFlushed(connection: Connection): void;
  /** The connection is gone: `error` is a system error code, or "" after an orderly end by the upstream. */
  onClosed(connection: Connection, error: string): void;
}

export class Connection implements TransportOwner {
  readonly pool: EndpointPool;
  private readonly owner: ConnectionOwner;
  private readonly transport: Transport;
  state = OPENING;
  /** Whose answer comes next; null while idle. */
  exchange: Exchange | null = null;
  /** With pipelining, those whose answers come after it, in order. */
  readonly following: Exchange[] = [];
  /** Requests answered completely so far. */
  served = 0;
  /** Whether any byte of the present exchange's answer has come. */
  answering = false;
  /** Exchanges whose heads wait for the end of this turn. */
  private readonly heads: Exchange[] = [];
  /** Body bytes being written that the kernel has not taken completely. */
  window: Buffer | null = null;
  idleDeadlineMs = 0;
  /** Of the endpoint's name (resolve.ts) when the connection was opened. */
  private nameGeneration = 0;

  // Reading one answer: the pieces of its head, then its body.
  private stash: Buffer | null = null;
  stashBytes = 0;
  readonly reader = new BodyReader();
  persistent = false;
  /** The answer being read is for an exchange that was given up. */
  discarding = false;

  constructor(pool: EndpointPool, owner: ConnectionOwner) {
    this.pool = pool;
    this.owner = owner;
    this.transport = new Transport(pool.endpoint, pool.isName, this);
  }

  onConnected(): void {
    if (this.state !== OPENING) return;
    this.state = BUSY;
    if (HAS_NAMES && this.pool.isName) this.nameGeneration = generationOf(this.pool.endpoint.host);
    this.owner.onOpen(this);
    this.flushHeads();
  }

  onRead(bytes: number): void {
    if (this.state !== CLOSED) this.owner.onBytes(this, bytes);
  }

  onWritten(): void {
    if (this.state !== CLOSED) this.owner.onFlushed(this);
  }

  onGone(error: string): void {
    if (this.state === CLOSED) return;
    this.owner.onClosed(this, error);
    this.close();
  }

  /** Exchanges on this connection whose answers are not complete. */
  get inFlight(): number {
    return this.exchange === null ? 0 : 1 + this.following.length;
  }

  /** Sends the exchange's head: at the end of this turn if more may go with it, or as soon as the connection is open. */
  send(x: Exchange): void {
    if (!HAS_PIPELINING || this.exchange === null) {
      this.exchange = x;
      this.answering = false;
    } else this.following.push(x);
    // Nothing will join it.
    if (this.state !== OPENING && x.bodyReceived && x.held === null && !this.sharesTurns) {
      this.transport.write(x.headBytes);
      return;
    }
    this.heads.push(x);
    if (this.state === OPENING || this.heads.length > 1) return;
    if (pendingConnections.length === 0) setImmediate(flushConnections);
    pendingConnections.push(this);
  }

  /** The present exchange's answer is complete: the next one's comes. */
  advance(): void {
    this.served += 1;
    this.answering = false;
    this.discarding = false;
    this.exchange = HAS_PIPELINING ? (this.following.shift() ?? null) : null;
  }

  /** Whether the requests of one turn leave together. */
  private get sharesTurns(): boolean {
    return HAS_PIPELINING && this.pool.pipelines;
  }

  /** Takes back an exchange whose head was not written yet; false if it was. */
  withdraw(x: Exchange): boolean {
    const index = this.heads.indexOf(x);
    if (index === -1) return false;
    this.heads.splice(index, 1);
    if (this.exchange === x) this.exchange = this.following.shift() ?? null;
    else this.following.splice(this.following.indexOf(x), 1);
    return true;
  }

  /** Puts another exchange in the place of `x`. */
  replace(x: Exchange, other: Exchange): void {
    if (this.exchange === x) this.exchange = other;
    else {
      const index = this.following.indexOf(x);
      if (index !== -1) this.following[index] = other;
    }
  }

  carriesOnly(state: number): boolean {
    return this.exchange!.state === state && this.following.every((x) => x.state === state);
  }

  /** Everything on this connection, in order; it carries nothing afterwards. */
  takeExchanges(): Exchange[] {
    const all = this.exchange === null ? [] : [this.exchange, ...this.following];
    this.exchange = null;
    this.following.length = 0;
    return all;
  }

  get headPending(): boolean {
    return this.heads.length > 0;
  }

  /** Whether the request whose answer comes next has not even been written. */
  get isEarly(): boolean {
    return this.heads.length > 0 && this.heads[0] === this.exchange;
  }

  /** Writes the heads that wait. */
  flushHeads(): void {
    const { heads } = this;
    if (heads.length === 0) return;
    if (!HAS_PIPELINING || heads.length === 1) {
      this.transport.write(heads[0]!.headBytes);
    } else this.flushBatch();
    heads.length = 0;
  }

  /** Several heads leave in one system call, or in as many as it takes to pass the batch buffer. */
  private flushBatch(): void {
    let end = 0;
    for (let i = 0; i < this.heads.length; i++) {
      const { head, headStart, headEnd } = this.heads[i]!;
      if (end + headEnd - headStart > BATCH_BYTES) {
        this.writeBatch(end);
        end = 0;
      }
      end += head.copy(batch, end, headStart, headEnd);
    }
    this.writeBatch(end);
  }

  private writeBatch(end: number): void {
    // What the kernel did not take at once is still being read from the buffer.
    if (!this.transport.write(batch.subarray(0, end))) batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
  }

  /** Moves the one head that waits to the bytes before `window[end]`; where it starts there. */
  moveHead(window: Buffer, end: number): number {
    if (this.heads.length === 0) return end;
    const { head, headStart, headEnd } = this.heads[0]!;
    const start = end - (headEnd - headStart);
    head.copy(window, start, headStart, headEnd);
    this.heads.length = 0;
    return start;
  }

  /** Writes `window[start, end)`; the window belongs to the connection until the kernel has taken it. */
  writeBody(window: Buffer, start: number, end: number): void {
    if (this.transport.write(window.subarray(start, end))) giveWindow(window);
    else this.window = window;
  }

  /** Whether the endpoint's name stands for other addresses by now. */
  get isOutdated(): boolean {
    return HAS_NAMES && this.pool.isName && this.nameGeneration !== generationOf(this.pool.endpoint.host);
  }

  /**
   * Whether all that was written has reached the kernel. Until then it is read from the buffers of exchanges and
   * windows, which must not serve anyone else.
   */
  get isWritten(): boolean {
    return this.window === null && this.transport.isWritten;
  }

  /** Keeps the pieces of a head, `slab[at, end)`, until more comes; false if no window is free. */
  putAside(at: number, end: number): boolean {
    this.stash = takeWindow();
    if (this.stash === null) return false;
    this.stashBytes = slab.copy(this.stash, 0, at, end);
    return true;
  }

  /** Puts the pieces that were kept back into the slab, at `at`. */
  takeBack(at: number): void {
    this.stash!.copy(slab, at, 0, this.stashBytes);
    this.dropStash();
  }

  private dropStash(): void {
    if (this.stash !== null) giveWindow(this.stash);
    this.stash = null;
    this.stashBytes = 0;
  }

  pauseReading(): void {
    this.transport.pauseReading();
  }

  resumeReading(): void {
    this.transport.resumeReading();
  }

  /** Closes at once; nobody is told. */
  close(): void {
    if (this.state === CLOSED) return;
    this.pool.forget(this);
    this.state = CLOSED;
    this.exchange = null;
    this.following.length = 0;
    this.heads.length = 0;
    if (this.window !== null) giveWindow(this.window);
    this.window = null;
    this.dropStash();
    this.transport.close();
    countClosed();
  }
}

/** Heads of one connection and one turn; as many as usual ones of a full pipeline. */
const BATCH_BYTES = 32 * 1024;
let batch = HAS_PIPELINING ? Buffer.allocUnsafeSlow(BATCH_BYTES) : Buffer.alloc(0);

/** Connections that have something to write at the end of this turn. */
let pendingConnections: Connection[] = [];
let flushing: Connection[] = [];

function flushConnections(): void {
  const connections = pendingConnections;
  pendingConnections = flushing;
  flushing = connections;
  for (let i = 0; i < connections.length; i++) connections[i]!.flushHeads();
  connections.length = 0;
}
