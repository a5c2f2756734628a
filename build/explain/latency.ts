/**
 * How long a client can wait on each route, worst case, as src/core/proxy.ts goes through it:
 *
 * ```
 *  (wait for a connection, send on a kept one, which closes without a byte)   once, if the method may be repeated
 *  (wait for a connection, open it, which fails)                             × all endpoints but the last
 *   wait for a connection, open it, wait for the answer's head
 * ```
 *
 * Every wait has its own timeout; `request` ends the whole at any point. Sending a body is bounded by `request` alone,
 * since `idle` bounds its pauses only.
 */
import { connectionsTo } from "../budget/counts.ts";
import { METHOD_BITS, METHOD_OTHER, type Plan, type PlannedRoute, type PlannedUpstream } from "../plan.ts";
import { showDurationMs } from "../schema/units.ts";

export interface Latency {
  /** Until the answer's head, or an answer of the gateway's own, without the time the request's body takes. */
  readonly headMs: number;
  /** What it is the sum of, in order. */
  readonly steps: readonly Step[];
  /** Whether `request` ends the wait before the steps do. */
  readonly isCut: boolean;
  /** Until the whole answer is there or cut. */
  readonly requestMs: number;
  /** Longest pause within bodies. */
  readonly idleMs: number;
}

export interface Step {
  /** "kept connection", "failed connections", "connection", "pipeline", "answer" */
  readonly name: string;
  readonly ms: number;
  readonly formula: string;
}

/** What the steps of one route have in common. */
interface Wait {
  readonly route: PlannedRoute;
  readonly upstream: PlannedUpstream;
  /** For a connection; 0 where nobody waits. */
  readonly queueMs: number;
}

/** Undefined for a route that is answered without an upstream. */
export function latencyOf(route: PlannedRoute, plan: Plan): Latency | undefined {
  const upstream = plan.upstreams[route.upstream];
  if (upstream === undefined) return undefined;
  const waits = upstream.waitingMax > 0 && connectionsTo([upstream]) < plan.limits.exchangesMax;
  const wait = { route, upstream, queueMs: waits ? route.queueMs : 0 };
  const steps = [...replaySteps(wait), ...lastSteps(wait)];
  const sumMs = steps.reduce((sum, { ms }) => sum + ms, 0);
  const { requestMs, idleMs } = route;
  return { headMs: Math.min(sumMs, requestMs), steps, isCut: sumMs > requestMs, requestMs, idleMs };
}

function replaySteps({ route, upstream, queueMs }: Wait): Step[] {
  if (!mayRepeat(route) || upstream.connectionsIdleMax === 0) return [];
  const waits = inTurn(queueMs, "response_header", route.responseHeaderMs);
  const formula = `${waits}; then the upstream closes a kept connection without a byte, and it is sent once more`;
  return [{ name: "kept connection", ms: queueMs + route.responseHeaderMs, formula }];
}

function lastSteps({ route, upstream, queueMs }: Wait): Step[] {
  const { connectMs, responseHeaderMs } = route;
  const others = upstream.endpoints.length - 1;
  const opening = inTurn(queueMs, "connect", connectMs);
  const openMs = queueMs + connectMs;
  const ahead = shares(route, upstream) ? upstream.pipelining - 1 : 0;
  const steps: Step[] = [
    { name: "failed connections", ms: others * openMs, formula: `${others} × (${opening}), to the other endpoints` },
    { name: "connection", ms: openMs, formula: opening },
    {
      name: "pipeline",
      ms: ahead * responseHeaderMs,
      formula: `${ahead} × response_header ${showMs(responseHeaderMs)}, for the requests ahead, without their answers' bodies`,
    },
    { name: "answer", ms: responseHeaderMs, formula: `response_header ${showMs(responseHeaderMs)}` },
  ];
  return steps.filter(({ ms }) => ms > 0);
}

function inTurn(queueMs: number, name: string, ms: number): string {
  return `${queueMs === 0 ? "" : `queue ${showMs(queueMs)} + `}${name} ${showMs(ms)}`;
}

/** As the language writes it, but "23.5s" instead of "23500ms". */
export function showMs(ms: number): string {
  return ms % 1000 === 0 || ms < 1000 ? showDurationMs(ms) : `${ms / 1000}s`;
}

const SAFE = METHOD_BITS.GET! | METHOD_BITS.HEAD! | METHOD_BITS.OPTIONS!;
/** `isIdempotent` of src/core/method.ts, as bits. */
const IDEMPOTENT = SAFE | METHOD_BITS.PUT! | METHOD_BITS.DELETE!;
const ALL = METHOD_OTHER * 2 - 1;

function mayRepeat({ methods = ALL }: PlannedRoute): boolean {
  return (methods & IDEMPOTENT) !== 0;
}

function shares({ methods = ALL }: PlannedRoute, { pipelining }: PlannedUpstream): boolean {
  return pipelining > 1 && (methods & SAFE) !== 0;
}
