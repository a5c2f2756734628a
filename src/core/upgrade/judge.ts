/** Whether a build on trial is good enough: what it says of itself against what its target file asks for. */
import type { Counts } from "./counts.ts";

/** From the build on trial, whose target file says what it is meant to reach. */
export interface Standard {
  readonly probationMs: number;
  /** Greatest part of its answers that may fail. */
  readonly errorShare: number;
  /** Of its answers 99 % must be faster; 0 if that is not asked for. */
  readonly p99Ms: number;
  /** With fewer answers nothing is judged by them. */
  readonly requestsMin: number;
}

/** By the meaning of a 99th percentile. */
const SLOW_SHARE = 0.01;
/** Before the end only what is far beyond the bound is a reason: few answers say little. */
const EARLY_FACTOR = 2;

/** Why it is not; "" if it is, as far as can be told. */
export function whyBad({ requests, errors, slow }: Counts, standard: Standard, isOver: boolean): string {
  if (requests < standard.requestsMin) return "";
  const factor = isOver ? 1 : EARLY_FACTOR;
  if (errors > requests * standard.errorShare * factor) {
    return `${errors} of its ${requests} answers were errors (${percent(errors / requests)}, ${percent(standard.errorShare)} allowed)`;
  }
  if (standard.p99Ms > 0 && slow > requests * SLOW_SHARE * factor) {
    return `${slow} of its ${requests} answers took longer than ${standard.p99Ms} ms (${percent(slow / requests)}, 1 % allowed)`;
  }
  return "";
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}
