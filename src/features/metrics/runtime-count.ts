/**
 * The counters. Every one of them is a double, exact up to 2^53, in a table that was made with
 * the program; counting allocates nothing. runtime-page.ts makes text of them.
 */
import { routeNames, routeUpstream, upstreams } from "#generated/tables.ts";
import type { Exchange } from "../../core/exchange.ts";
import { FIRST_REPLY } from "../../core/fault.ts";
import { ANSWERED } from "../../core/record.ts";

/** Counters of a route or upstream; buckets come first, as many as there are bounds and one more. */
export const ROW = 32;
/** Milliseconds of all that is in the buckets. */
export const SUM = 16;
/** Of a route: requests by hundreds of their status, 0 to 5, then by their end. */
export const CLASS = 17;
export const ENDED = 23;
/** Of an upstream. */
export const ATTEMPTS = 17;
export const RETRIES = 18;

/** By route; the last one is of requests that no route took. */
export const ofRoutes = /* @__PURE__ */ makeRows(() => routeNames.length + 1, ROW);
export const ofUpstreams = /* @__PURE__ */ makeRows(() => upstreams.length, ROW);
/** By upstream, then by number of the fault. */
export const errors = /* @__PURE__ */ makeRows(() => upstreams.length, FIRST_REPLY);
/** By number of the fault. */
export const refusals = /* @__PURE__ */ makeRows(() => 1, FIRST_REPLY);

function makeRows(count: () => number, length: number): Float64Array {
  return new Float64Array(count() * length);
}

/** @param bounds milliseconds, ascending */
export function count(x: Exchange, bounds: readonly number[]): void {
  const record = x.record!;
  const { route } = x;
  const at = (route < 0 ? routeNames.length : route) * ROW;
  ofRoutes[at + bucketOf(record.durationMs, bounds)]! += 1;
  ofRoutes[at + SUM]! += record.durationMs;
  ofRoutes[at + CLASS + ((record.status / 100) | 0)]! += 1;
  if (record.ended !== ANSWERED) ofRoutes[at + ENDED + record.ended]! += 1;
  if (record.fault !== 0 && record.fault < FIRST_REPLY) refusals[record.fault]! += 1;
  if (record.endpoint >= 0) countUpstream(routeUpstream[route]! * ROW, x, bounds);
}

function countUpstream(at: number, { record }: Exchange, bounds: readonly number[]): void {
  const { retries, upstreamMs } = record!;
  ofUpstreams[at + ATTEMPTS]! += 1 + retries;
  if (retries > 0) ofUpstreams[at + RETRIES]! += retries;
  if (upstreamMs === 0) return;
  ofUpstreams[at + bucketOf(upstreamMs, bounds)]! += 1;
  ofUpstreams[at + SUM]! += upstreamMs;
}

/** The first whose bound is not passed; most requests are in one of the first few. */
function bucketOf(ms: number, bounds: readonly number[]): number {
  let bucket = 0;
  while (bucket < bounds.length && ms > bounds[bucket]!) bucket += 1;
  return bucket;
}

export function countError(x: Exchange, fault: number): void {
  errors[routeUpstream[x.route]! * FIRST_REPLY + fault]! += 1;
}
