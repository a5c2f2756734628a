/**
 * Standard error, where the program's words and the lines of logs go. Nothing here ever waits for whoever reads them: a
 * journal that has stopped reading must not stop a request.
 *
 * ```
 *  logLine ─────────────────┐                       ┌─▶ taken
 *  beginLine, endLine ──▶ lines [start, end) ──write──▶ full: again with the next tick of the clock
 *                           └─ no room: dropped, counted, and told when lines are taken again
 * ```
 *
 * A write is one system call on a descriptor that does not block, rather than one on a thread of libuv's pool: there it
 * would hold the thread for as long as nobody reads, and the end of the process with it.
 */
import { writeSync } from "node:fs";
import { name } from "#generated/tables.ts";
import { putUtf8 } from "./bytes.ts";
import { logLines } from "./log-lines.ts";
import { addWalker, nowMs, wakeClock } from "./timers.ts";

const STDERR = 2;
/** For the program's own words; lines of features leave it free. */
const OWN_BYTES = 8192;
/** Of one of them. */
const OWN_CHARS_MAX = 2000;
/** Lost lines are told of at most this often. */
const TELL_MS = 10_000;
const LINE_FEED = 0x0a;
/** At the end of the process what is left gets this long. */
const EXIT_MS = 100;
const EXIT_STEP_MS = 5;

/** The part of libuv's pipe that is used: it takes any descriptor. */
interface Pipe {
  open(fd: number): number;
  setBlocking(on: boolean): number;
}
interface Bindings {
  pipe_wrap: { readonly Pipe: new (kind: number) => Pipe };
}

/** To be written into by whoever has called `beginLine`. */
export let lines = Buffer.allocUnsafeSlow(OWN_BYTES);
let start = 0;
let end = 0;
/** What is written at once, in bytes; less waits for the clock's next tick. */
let batchBytes = 0;
let pipe: Pipe | undefined;
/** Nothing more is taken for now. */
let isFull = false;
/** The last thing that was taken is a part of a line. */
let isWithinLine = false;
/** Lines of features between start and end, the first perhaps in part. */
let waiting = 0;
/** Lines that were lost since it was told. */
let lost = 0;
let toldMs = Number.NEGATIVE_INFINITY;

addWalker(() => {
  isFull = false;
  flush();
  return isFull;
});

/** Room for a feature's lines, beyond that for our own words; to be called as the program starts. */
export function reserveLines(bytes: number): void {
  lines = Buffer.concat([lines.subarray(start, end)], bytes + OWN_BYTES);
  end -= start;
  start = 0;
  batchBytes = bytes >> 1;
}

/** Where a line of at most so many bytes may be put into `lines`; -1 if there is no room, and the line is lost. */
export function beginLine(bytesMax: number): number {
  if (hasRoom(bytesMax + OWN_BYTES)) return end;
  lost += 1;
  logLines.dropped += 1;
  return -1;
}

/** The line that was begun ends at this offset, behind its line break. */
export function endLine(at: number): void {
  end = at;
  waiting += 1;
  if (end - start >= batchBytes) flush();
  wakeClock();
}

/** One of our own lines, at once. */
export function putLine(whole: string): void {
  const text = `${whole.slice(0, OWN_CHARS_MAX)}\n`;
  const bytes = Buffer.byteLength(text);
  if (hasRoom(bytes)) end = putUtf8(lines, end, text);
  else lost += 1;
  flush();
  // Otherwise nothing waits, and an idle device stays asleep.
  if (start < end) wakeClock();
}

function hasRoom(bytes: number): boolean {
  if (end + bytes <= lines.length) return true;
  if (start === 0) return false;
  lines.copyWithin(0, start, end);
  end -= start;
  start = 0;
  return end + bytes <= lines.length;
}

function flush(): void {
  if (isFull || start === end) return;
  if (pipe === undefined) open();
  // Another process on the same journal stream, such as the one that this one replaces, may have set it back at its end.
  pipe!.setBlocking(false);
  try {
    while (start < end) {
      start += writeSync(STDERR, lines, start, end - start);
      isWithinLine = lines[start - 1] !== LINE_FEED;
    }
    start = end = 0;
    logLines.written += waiting;
    waiting = 0;
    tell();
  } catch (error) {
    isFull = (error as NodeJS.ErrnoException).code === "EAGAIN";
    // Closed, or the disk is full: nobody will ever read it.
    if (!isFull) discard();
  }
}

function open(): void {
  const { Pipe } = (process as unknown as { binding(name: "pipe_wrap"): Bindings["pipe_wrap"] }).binding("pipe_wrap");
  pipe = new Pipe(0);
  pipe.open(STDERR);
  process.once("exit", flushLast);
}

/** Of a line that is out in part the rest stays: whoever reads on later, such as when a disk has room again, needs it. */
function discard(): void {
  const kept = isWithinLine ? lines.indexOf(LINE_FEED, start) + 1 : start;
  let gone = 0;
  for (let at = kept; at < end; at++) if (lines[at] === LINE_FEED) gone += 1;
  end = kept;
  lost += gone;
  // Our own words among them are few, and count as theirs.
  const dropped = Math.min(gone, waiting);
  const rest = isWithinLine && waiting > dropped ? 1 : 0;
  logLines.dropped += dropped;
  logLines.written += waiting - dropped - rest;
  waiting = rest;
}

function tell(): void {
  if (lost === 0 || nowMs - toldMs < TELL_MS) return;
  toldMs = nowMs;
  const count = lost;
  lost = 0;
  putLine(`${name}: ${count} log lines lost, since standard error took no more`);
}

/** Waits for a reader that is slow, and not for one that is gone. */
function flushLast(): void {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (let waitedMs = 0; waitedMs < EXIT_MS; waitedMs += EXIT_STEP_MS) {
    isFull = false;
    toldMs = Number.NEGATIVE_INFINITY;
    flush();
    tell();
    if (!isFull) return;
    Atomics.wait(clock, 0, 0, EXIT_STEP_MS);
  }
}
