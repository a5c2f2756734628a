/**
 * Connections to the endpoints of one upstream: opened up to a maximum, reused last-in first-out, closed when idle for
 * too long or when in doubt. Raw sockets, no HTTP syntax.
 *
 * ```
 *  open ──▶ OPENING ──connected──▶ BUSY ──release──▶ IDLE ──take──▶ BUSY …
 *              │                     │                 │
 *              └──refused, timeout───┴──end, error─────┴──▶ CLOSED (never comes back)
 * ```
 *
 * Reads of all sockets go into the slab's one read area. Heads are written once per event-loop turn: what the requests
 * of one turn want to send is collected and flushed together.
 */
import { connect, type Socket } from "node:net";
import type { Endpoint, Upstream } from "#generated/tables.ts";
import { ChunkedDecoder } from "./chunked.ts";
import type { Exchange } from "./exchange.ts";
import { readArea } from "./slab.ts";
import { addWalker, deadlineIn, hasPassed } from "./timers.ts";
import { giveWindow } from "./windows.ts";

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

export class Connection {
  readonly pool: EndpointPool;
  private readonly owner: ConnectionOwner;
  private readonly socket: Socket;
  private readonly flushed: () => void;
  state = OPENING;
  /** Whose answer comes next; null while idle. */
  exchange: Exchange | null = null;
  /** Requests answered completely so far. */
  served = 0;
  /** Whether any byte of the present exchange's answer has come. */
  answering = false;
  /** The present exchange's head waits for the end of this turn. */
  headPending = false;
  /** Body bytes being written that the kernel has not taken completely. */
  window: Buffer | null = null;
  idleDeadlineMs = 0;

  // Reading one answer; the head in pieces, then how its body ends (UNTIL_… of h1-read.ts).
  stash: Buffer | null = null;
  stashBytes = 0;
  body = 0;
  bodyLeft = 0;
  persistent = false;
  readonly decoder = new ChunkedDecoder();

  constructor(pool: EndpointPool, owner: ConnectionOwner) {
    this.pool = pool;
    this.owner = owner;
    this.flushed = () => {
      if (this.state !== CLOSED && this.socket.writableLength === 0) owner.onFlushed(this);
    };
    this.socket = connect({
      host: pool.endpoint.host,
      port: pool.endpoint.port,
      noDelay: true,
      onread: {
        buffer: readArea,
        callback: (bytes: number) => {
          if (this.state !== CLOSED) owner.onBytes(this, bytes);
          return true;
        },
      },
    });
    this.socket.on("connect", () => {
      if (this.state === OPENING) {
        this.state = BUSY;
        owner.onOpen(this);
      }
    });
    this.socket.on("end", () => this.fail(""));
    this.socket.on("error", (error: NodeJS.ErrnoException) => this.fail(error.code ?? "EIO"));
    this.socket.on("close", () => this.fail("ECONNRESET"));
  }

  /** Sends the exchange's head at the end of this turn. */
  send(x: Exchange): void {
    this.exchange = x;
    this.answering = false;
    this.headPending = true;
    if (pendingHeads.length === 0) setImmediate(flushHeads);
    pendingHeads.push(this);
  }

  /** Writes what waits for the end of the turn now; `window[start, end)` goes with it in the same system call. */
  writeBody(window: Buffer, start: number, end: number): void {
    const view = window.subarray(start, end);
    if (this.headPending) {
      this.socket.cork();
      this.flushHead();
      this.socket.write(view, this.flushed);
      this.socket.uncork();
    } else this.socket.write(view, this.flushed);
    if (this.socket.writableLength === 0) giveWindow(window);
    else this.window = window;
  }

  flushHead(): void {
    if (!this.headPending) return;
    this.headPending = false;
    const x = this.exchange!;
    this.socket.write(x.head.subarray(x.headStart, x.headEnd));
  }

  /** Whether all that was written has reached the kernel. */
  get drained(): boolean {
    return !this.headPending && this.window === null && this.socket.writableLength === 0;
  }

  pauseReading(): void {
    this.socket.pause();
  }

  resumeReading(): void {
    this.socket.resume();
  }

  /** Closes at once; nobody is told. */
  close(): void {
    if (this.state === CLOSED) return;
    this.pool.forget(this);
    this.state = CLOSED;
    this.exchange = null;
    this.headPending = false;
    if (this.window !== null) giveWindow(this.window);
    this.window = null;
    this.stash = null;
    this.socket.destroy();
  }

  private fail(error: string): void {
    if (this.state === CLOSED) return;
    this.owner.onClosed(this, error);
    this.close();
  }
}

/** Connections whose exchange's head is to be written at the end of this turn. */
let pendingHeads: Connection[] = [];
let flushing: Connection[] = [];

function flushHeads(): void {
  const heads = pendingHeads;
  pendingHeads = flushing;
  flushing = heads;
  for (let i = 0; i < heads.length; i++) heads[i]!.flushHead();
  heads.length = 0;
}

/** A refused endpoint is passed over for this long while another one can be had. */
const DOWN_MS = 1000;

export class EndpointPool {
  readonly endpoint: Endpoint;
  private readonly upstream: Upstream;
  private readonly idle: Connection[] = [];
  private open = 0;
  private downUntilMs = 0;

  constructor(endpoint: Endpoint, upstream: Upstream) {
    this.endpoint = endpoint;
    this.upstream = upstream;
  }

  get isDown(): boolean {
    return this.downUntilMs !== 0 && !hasPassed(this.downUntilMs);
  }

  markDown(): void {
    this.downUntilMs = deadlineIn(DOWN_MS);
  }

  markUp(): void {
    this.downUntilMs = 0;
  }

  /** An idle connection unless a fresh one is asked for, else a new one, else null. */
  take(owner: ConnectionOwner, fresh: boolean): Connection | null {
    if (!fresh) {
      const connection = this.idle.pop();
      if (connection !== undefined) {
        connection.state = BUSY;
        return connection;
      }
    }
    if (this.open === this.upstream.connectionsMax) return null;
    this.open += 1;
    return new Connection(this, owner);
  }

  /** Puts a clean connection back, for the next exchange. */
  release(connection: Connection): void {
    connection.exchange = null;
    connection.served += 1;
    if (this.idle.length >= this.upstream.connectionsIdleMax) {
      connection.close();
      return;
    }
    connection.state = IDLE;
    connection.idleDeadlineMs = deadlineIn(this.upstream.connectionsIdleMs);
    this.idle.push(connection);
  }

  forget(connection: Connection): void {
    this.open -= 1;
    if (connection.state !== IDLE) return;
    const index = this.idle.indexOf(connection);
    if (index !== -1) this.idle.splice(index, 1);
  }

  /** Closes what has been idle for too long; the oldest are at the bottom. Returns whether any is left. */
  closeExpired(): boolean {
    while (this.idle.length > 0 && hasPassed(this.idle[0]!.idleDeadlineMs)) this.idle[0]!.close();
    return this.idle.length > 0;
  }

  closeIdle(): void {
    while (this.idle.length > 0) this.idle[this.idle.length - 1]!.close();
  }
}

/** All endpoints of one upstream, and the exchanges that wait for a connection to any of them. */
export class UpstreamPool {
  readonly endpoints: EndpointPool[];
  private readonly owner: ConnectionOwner;
  private next = 0;
  private readonly waiting: Exchange[] = [];

  constructor(upstream: Upstream, owner: ConnectionOwner) {
    this.owner = owner;
    this.endpoints = upstream.endpoints.map((endpoint) => new EndpointPool(endpoint, upstream));
    addWalker(() => {
      let left = false;
      for (const endpoint of this.endpoints) if (endpoint.closeExpired()) left = true;
      return left;
    });
  }

  /** A connection from the endpoints in turn; those that just refused only if no other has one. Null if all are taken. */
  take(fresh: boolean): Connection | null {
    const count = this.endpoints.length;
    const first = this.next;
    this.next = first + 1 === count ? 0 : first + 1;
    for (let pass = 0; pass < 2; pass++) {
      for (let i = 0; i < count; i++) {
        const endpoint = this.endpoints[(first + i) % count]!;
        if (endpoint.isDown !== (pass === 1)) continue;
        const connection = endpoint.take(this.owner, fresh);
        if (connection !== null) return connection;
      }
    }
    return null;
  }

  /** Bounded by EXCHANGES_MAX, since every waiting exchange is one of them. */
  wait(x: Exchange): void {
    this.waiting.push(x);
  }

  stopWaiting(x: Exchange): void {
    const index = this.waiting.indexOf(x);
    if (index !== -1) this.waiting.splice(index, 1);
  }

  /** The exchange that has waited longest, or undefined. */
  nextWaiting(): Exchange | undefined {
    return this.waiting.shift();
  }
}
