/**
 * A request's body on its way from the client to the upstream: when the upstream is slower, at most one read
 * of the client is held, and the client is paused meanwhile. Towards the upstream the framing is ours: the bytes as they
 * are under Content-Length, or one chunk for each read (RFC 9112 7.1).
 */

import { BUSY, type Connection } from "./connection.ts";
import { BODY_CHUNKED, type Exchange } from "./exchange.ts";
import { giveWindow, takeWindow, WINDOW_AT, WINDOW_END } from "./windows.ts";

/** The last chunk and no trailers. */
const LAST_CHUNK = "0\r\n\r\n";
/** More than a size line, its CRLF and the last chunk. */
const CHUNK_FRAMING_BYTES = 32;

/**
 * Takes bytes from the client; sends them on, or holds them and pauses the client.
 * @param isLast whether the body ends with them
 * @returns false if no window was free: the exchange has to be ended
 */
export function takeBody(x: Exchange, bytes: Uint8Array, isLast: boolean): boolean {
  x.bodyBytesReceived += bytes.length;
  x.bodyReceived = isLast;
  const connection = x.connection;
  if (isLast) resumeClient(x);
  if (connection === null || connection.state !== BUSY || connection.window !== null || x.held !== null) {
    return hold(x, bytes);
  }
  if (connection.headPending && joinsHead(x, bytes, isLast)) return true;
  const window = takeWindow();
  if (window === null) return false;
  window.set(bytes, WINDOW_AT);
  send(x, connection, window, WINDOW_AT + bytes.length, isLast);
  if (connection.window !== null && !isLast) pauseClient(x);
  return true;
}

/** A small body that came with its head leaves with it, in the same buffer. */
function joinsHead(x: Exchange, bytes: Uint8Array, isLast: boolean): boolean {
  if (x.headEnd + bytes.length + CHUNK_FRAMING_BYTES > x.head.length) return false;
  let at = x.headEnd;
  if (bytes.length > 0) {
    if (x.bodyKind === BODY_CHUNKED) at += x.head.latin1Write(`${bytes.length.toString(16)}\r\n`, at);
    x.head.set(bytes, at);
    at += bytes.length;
    if (x.bodyKind === BODY_CHUNKED) at += x.head.latin1Write("\r\n", at);
  }
  if (isLast && x.bodyKind === BODY_CHUNKED) at += x.head.latin1Write(LAST_CHUNK, at);
  x.headEnd = at;
  return true;
}

function hold(x: Exchange, bytes: Uint8Array): boolean {
  if (!x.bodyReceived) {
    // uWebSockets.js calls once with nothing when the head came alone.
    if (bytes.length === 0) return true;
    pauseClient(x);
  }
  if (x.held === null) {
    x.held = takeWindow();
    if (x.held === null) return false;
    x.heldEnd = WINDOW_AT;
  }
  // One read fits by construction, and the pause holds before the next one.
  if (x.heldEnd + bytes.length > WINDOW_END) return false;
  x.held.set(bytes, x.heldEnd);
  x.heldEnd += bytes.length;
  return true;
}

/** The connection can take bytes: sends what is held, or lets the client go on. */
export function resumeBody(x: Exchange, connection: Connection): void {
  const window = x.held;
  if (window !== null) {
    x.held = null;
    send(x, connection, window, x.heldEnd, x.bodyReceived);
  }
  if (connection.window === null) resumeClient(x);
}

/** Frames `window[WINDOW_AT, end)` in place and writes it; the window belongs to the connection afterwards. */
function send(x: Exchange, connection: Connection, window: Buffer, end: number, isLast: boolean): void {
  let start = WINDOW_AT;
  if (x.bodyKind === BODY_CHUNKED) {
    const bytes = end - start;
    if (bytes > 0) {
      const size = `${bytes.toString(16)}\r\n`;
      start -= size.length;
      window.latin1Write(size, start);
      end += window.latin1Write("\r\n", end);
    }
    if (isLast) end += window.latin1Write(LAST_CHUNK, end);
  }
  // A head that still waits goes in front, so that both leave in one system call.
  start = connection.moveHead(window, start);
  if (start === end) giveWindow(window);
  else connection.writeBody(window, start, end);
}

function pauseClient(x: Exchange): void {
  if (x.clientPaused) return;
  x.clientPaused = true;
  x.res?.pause();
  if (!x.clientSlow) return;
  // Of what it has read uWebSockets.js is not done yet. Then it tries what it has unsent of the answer, and where that is
  // not taken whole it polls for reading again.
  if (pausing.length === 0) setImmediate(pauseAgain);
  pausing.push(x);
}

const pausing: Exchange[] = [];

/** Before the next poll. Whoever else an exchange serves by then: what is paused stays paused. */
function pauseAgain(): void {
  for (const x of pausing) if (x.clientPaused) x.res?.pause();
  pausing.length = 0;
}

/** Resuming sets uWebSockets.js's 10 s timer, whatever it was before. */
function resumeClient(x: Exchange): void {
  if (!x.clientPaused) return;
  x.clientPaused = false;
  x.timerRuns = true;
  x.res?.resume();
}
