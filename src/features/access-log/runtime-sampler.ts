/** Which requests are logged: a share of each class, within a budget of bytes. */
import { logLine } from "../../core/log.ts";
import { logLines } from "../../core/log-lines.ts";
import type { Record } from "../../core/record.ts";
import { nowMs } from "../../core/timers.ts";

export const SUCCESS = 0;
export const SLOW = 1;
export const ERROR = 2;
export const NONE = -1;

/**
 * 2^32 divided by the golden ratio. Multiples of it, modulo 2^32, fill the range evenly: of any number of requests in a
 * row the share asked for is logged, to within a few, and what repeats in the traffic is hit no more than the rest.
 */
const STEP = 0x9e3779b9;
/** An hour's budget is what may come at once and what comes back within the hour. */
const AT_ONCE = 0.2;
/** Of that, what is kept for errors and slow requests. */
const KEPT = 0.25;
const HOUR_MS = 3_600_000;
const TELL_MS = 60_000;

export interface Shares {
  /** Of 2^32, by class. */
  readonly shares: readonly [success: number, slow: number, error: number];
  readonly slowMs: number;
  /** "10MiB/h", and in bytes. */
  readonly budget: string;
  readonly budgetBytes: number;
  /** Of one line. */
  readonly lineBytesMax: number;
}

export class Sampler {
  private readonly points = new Int32Array(3);
  /** A point below is taken. */
  private readonly limits: readonly number[];
  private readonly slowMs: number;
  private readonly budget: string;
  private readonly lineBytesMax: number;
  private readonly bytesMax: number;
  private readonly bytesPerMs: number;
  private bytes: number;
  private filledMs = nowMs;
  private leftOut = 0;
  private toldMs = nowMs;

  constructor({ shares, slowMs, budget, budgetBytes, lineBytesMax }: Shares) {
    this.limits = shares.map((share) => share - 2 ** 31);
    this.slowMs = slowMs;
    this.budget = budget;
    this.lineBytesMax = lineBytesMax;
    this.bytesMax = budgetBytes * AT_ONCE;
    this.bytesPerMs = (budgetBytes * (1 - AT_ONCE)) / HOUR_MS;
    this.bytes = this.bytesMax;
  }

  /** The request's class if it is to be logged, else NONE. */
  take(r: Record): number {
    const kind = this.classOf(r);
    const point = (this.points[kind]! + STEP) | 0;
    this.points[kind] = point;
    if (point >= this.limits[kind]!) return NONE;
    return this.hasBudget(kind) ? kind : NONE;
  }

  /** What the line took. */
  spend(bytes: number): void {
    this.bytes -= bytes;
  }

  private classOf(r: Record): number {
    // A reason of our own, or a feature's: refused. "answered" is what a route is there for.
    if (r.status >= 500 || (r.reason !== "" && r.reason !== "answered")) return ERROR;
    return r.durationMs >= this.slowMs ? SLOW : SUCCESS;
  }

  private hasBudget(kind: number): boolean {
    this.bytes = Math.min(this.bytesMax, this.bytes + (nowMs - this.filledMs) * this.bytesPerMs);
    this.filledMs = nowMs;
    if (this.bytes < this.lineBytesMax + (kind === SUCCESS ? this.bytesMax * KEPT : 0)) {
      this.leftOut += 1;
      logLines.dropped += 1;
      return false;
    }
    if (this.leftOut > 0 && nowMs - this.toldMs >= TELL_MS) {
      logLine(`access_log: ${this.leftOut} lines left out, its budget of ${this.budget} was used up`);
      this.leftOut = 0;
      this.toldMs = nowMs;
    }
    return true;
  }
}
