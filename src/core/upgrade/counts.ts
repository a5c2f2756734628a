/** What the answers of a build on trial are judged by: how many, how many failed, how many took too long. */
import { UPDATE_P99_MS } from "#generated/constants.ts";

export interface Counts {
  readonly requests: number;
  /** 5xx, and answers that broke off. */
  readonly errors: number;
  /** Took longer than the target's `update.p99`. */
  readonly slow: number;
}

export let isCounting = false;
let requests = 0;
let errors = 0;
let slow = 0;

export function setCounting(on: boolean): void {
  isCounting = on;
}

/**
 * @param failed 5xx, or it broke off on our side
 * @param aborted the client did not wait for it: that it took long may be why, all else says nothing of the build
 */
export function countAnswer(failed: boolean, durationMs: number, aborted: boolean): void {
  const isSlow = UPDATE_P99_MS > 0 && durationMs > UPDATE_P99_MS;
  if (aborted && !isSlow) return;
  requests += 1;
  if (failed) errors += 1;
  if (isSlow) slow += 1;
}

export function readCounts(): Counts {
  return { requests, errors, slow };
}
