/**
 * Time on the device: one coarse, monotonic clock and one interval; no other file sets timers.
 *
 * A deadline is a number in the struct that waits (`exchange.deadlineMs`, …), and every tick walks those structs. The
 * usual wheel pays for linking and unlinking on each change of phase, several times a request; here the hot path
 * stores one number, and a walk over a thousand pooled structs every TICK_MS costs less than 0.1 % of a core. The
 * interval stops when nothing waits, so an idle device is not woken.
 */
import { TICK_MS } from "#generated/constants.ts";

/** Monotonic milliseconds of the last tick, or of the wake-up; at most TICK_MS old while anything waits. */
export let nowMs = performance.now();

/** Called every tick; returns whether it still waits for anything. */
type Walker = () => boolean;

const walkers: Walker[] = [];
let interval: NodeJS.Timeout | undefined;

export function addWalker(walker: Walker): void {
  walkers.push(walker);
}

/** To be called whenever a deadline may have been set while nothing else waited; cheap when the clock runs. */
export function wakeClock(): void {
  if (interval !== undefined) return;
  nowMs = performance.now();
  interval = setInterval(tick, TICK_MS);
}

/**
 * The deadline `ms` from now, 0 for none if `ms` is 0. One tick is added, so a timeout never fires early.
 */
export function deadlineIn(ms: number): number {
  return ms === 0 ? 0 : nowMs + ms + TICK_MS;
}

export function hasPassed(deadlineMs: number): boolean {
  return deadlineMs !== 0 && nowMs >= deadlineMs;
}

/**
 * Does something when what is being read now has been dealt with, within some 1 ms. Not with setImmediate where a
 * client's connection may be closed: on libuv, uSockets frees a socket that closes after its own check handle ran only
 * when libuv has freed its poll handle already, so 450 bytes of each were lost, and freed memory was written to.
 */
export function soon(work: () => void): void {
  setTimeout(work, 0);
}

/** For what is not serving. */
export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** For what is done now and then, whether anything waits or not: each time wakes an idle device. @returns what ends it */
export function every(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms);
  return () => clearInterval(timer);
}

/**
 * Does something after one more round of the event loop's poll: what the kernel has ready by now is read, and accepted.
 * Closing a listener would reset the connections that it has accepted for us and we have not.
 */
export function afterPoll(work: () => void): void {
  soon(() => soon(work));
}

/**
 * Timers come before the poll. After a while in which the machine, or whoever stopped us, did not let us run, that would
 * end what has long been answered: then what is ready is read first.
 */
function tick(): void {
  const lastMs = nowMs;
  nowMs = performance.now();
  if (nowMs - lastMs > 2 * TICK_MS) afterPoll(walk);
  else walk();
}

function walk(): void {
  let waiting = false;
  for (let i = 0; i < walkers.length; i++) if (walkers[i]!()) waiting = true;
  if (!waiting && interval !== undefined) {
    clearInterval(interval);
    interval = undefined;
  }
}
