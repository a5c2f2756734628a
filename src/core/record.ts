/**
 * What is known of an exchange when it ends, for features that observe (`done`). In a program without such a feature
 * there is none of it: every use stands behind HAS_DONE. Calls no feature, so that exchanges and pools are there before
 * any feature that knows of them.
 */
import type { Exchange } from "./exchange.ts";
import { codeOf } from "./fault.ts";
import { peerAddress } from "./peer.ts";

/** How an exchange ended. */
export const ANSWERED = 0;
/** We closed the client's connection in the middle of the answer: `fault` says why. */
export const CUT = 1;
/** The client closed its connection before it had the whole answer. */
export const ABORTED = 2;

export class Record {
  /** Monotonic, when the request's head was read. */
  startedMs = 0;
  /** Until the answer's end; 0 before it. */
  durationMs = 0;
  /** Until the upstream's answer head was read; 0 without one. */
  upstreamMs = 0;
  /** Of the answer; 0 if the client got none. */
  status = 0;
  /** Bytes of its body handed over, without framing. */
  responseBytes = 0;
  ended = ANSWERED;
  /** Number of fault.ts, or of a feature's fixed answer; 0 if neither. */
  fault = 0;
  /**
   * Why the gateway answered itself, or cut: a fault's code such as "no_route", or what a feature said. "" if an upstream
   * answered.
   */
  reason = "";
  /** Index into the upstream's endpoints, of the last that was tried; -1 for none. */
  endpoint = -1;
  /** Attempts after the first. */
  retries = 0;
  /** Hex digits of a trace's id, where a feature keeps one. */
  traceId = "";
  /** Address of the client's socket; "" if that is gone. */
  client = "";
  /** Normalised, as the client asked for it: a feature may have rewritten the exchange's own. */
  path = "";
}

export function beginRecord({ record }: Exchange): void {
  const r = record!;
  r.startedMs = performance.now();
  r.durationMs = 0;
  r.upstreamMs = 0;
  r.status = 0;
  r.responseBytes = 0;
  r.ended = ANSWERED;
  r.fault = 0;
  r.reason = "";
  r.endpoint = -1;
  r.retries = 0;
  r.traceId = "";
  r.client = "";
  r.path = "";
}

/** The number a reply has, or that of the fault an answer is cut for; the first one counts. */
export function noteFault({ record }: Exchange, number: number): void {
  const r = record!;
  if (r.fault !== 0) return;
  r.fault = number;
  if (r.reason === "") r.reason = codeOf(number);
}

/** While the request's socket is there. */
export function noteClient({ record, res }: Exchange): void {
  const r = record!;
  if (r.client === "") r.client = peerAddress(res!);
}

/** The upstream's answer head is there. */
export function noteAnswer({ record }: Exchange, status: number): void {
  const r = record!;
  r.status = status;
  r.upstreamMs = performance.now() - r.startedMs;
}
