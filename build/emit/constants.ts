/** Emits constants.ts: the numbers and switches that esbuild folds into the core. */
import { isIP } from "node:net";
import type { Phase, RouteUse } from "../feature.ts";
import type { Plan } from "../plan.ts";
import { CLIENT_HEAD_BYTES_BOUND } from "../template.ts";
import type { Text } from "./text.ts";

/**
 * Most bytes that the core itself adds to a request head, most of them in fields it sets: X-Forwarded-For 58,
 * X-Forwarded-Proto 26, X-Forwarded-Host 20 + 261 (a name of 255 bytes and a port), X-Real-IP 52, Via 12 + the
 * gateway's name, Transfer-Encoding 28, Connection 24; a blank after the colon of each of 100 fields; and spare.
 * A head that still does not fit is answered 431 at run time.
 */
const CORE_HEAD_BYTES = 1024;

/** One for each body whose receiver is slower than its sender; untouched pages of a window cost nothing. */
const WINDOWS_BOUND = 256;

export function emitConstants(out: Text, plan: Plan): void {
  const { limits } = plan;
  if (limits.clientHeadBytesMax > CLIENT_HEAD_BYTES_BOUND) {
    throw new Error(
      `client heads of ${limits.clientHeadBytesMax} bytes: placeholders are sized for ${CLIENT_HEAD_BYTES_BOUND} (build/template.ts)`,
    );
  }
  const number = (name: string, value: number, why: string) =>
    out.line(`/** ${why} */`).line(`export const ${name}: number = ${value};`);
  const flag = (name: string, value: boolean) => out.line(`export const ${name}: boolean = ${value};`);

  number("TICK_MS", tickMs(plan), "A tenth of the shortest timeout, between 10 and 100 ms.");
  number("EXCHANGES_MAX", limits.exchangesMax, "Requests in flight at once.");
  number("CLIENT_HEAD_BYTES_MAX", limits.clientHeadBytesMax, "A client's request head.");
  const requestHeadBytes =
    limits.clientHeadBytesMax + CORE_HEAD_BYTES + largest(plan, (use) => use.requestHeadBytes ?? 0);
  number("REQUEST_HEAD_BYTES", roundUp(requestHeadBytes), "A request head towards an upstream.");
  number("RESPONSE_HEAD_BYTES_MAX", limits.responseHeadBytesMax, "An upstream's answer head.");
  const added = largest(plan, (use) => use.responseHeadBytes ?? 0);
  number("RESPONSE_HEAD_ADDED_BYTES", roundUp(added), "Most bytes that features add to an answer's head.");
  number("WINDOWS_MAX", Math.min(2 * limits.exchangesMax, WINDOWS_BOUND), "Body windows of 64 KiB and a head.");
  number("DRAIN_MS", limits.drainMs, "After SIGTERM, requests in flight get this long.");
  out.line();
  flag(
    "HAS_HOSTS",
    plan.routes.some((route) => route.hosts !== undefined),
  );
  flag("HAS_REQUEST", usesPhase(plan, "request"));
  flag("HAS_UPSTREAM_REQUEST", usesPhase(plan, "upstreamRequest"));
  flag("HAS_RESPONSE_HEAD", usesPhase(plan, "responseHead"));
  flag(
    "DROPS_REQUEST_FIELDS",
    anyUse(plan, (use) => (use.dropRequestFields ?? []).length > 0),
  );
  flag(
    "DROPS_RESPONSE_FIELDS",
    anyUse(plan, (use) => (use.dropResponseFields ?? []).length > 0),
  );
  flag(
    "HAS_PIPELINING",
    plan.upstreams.some(({ pipelining }) => pipelining > 1),
  );
  flag(
    "HAS_LEAST_REQUEST",
    plan.upstreams.some(({ policy }) => policy === "least_request"),
  );
  flag(
    "HAS_NAMES",
    plan.upstreams.some(({ endpoints }) => endpoints.some(({ host }) => host !== "" && isIP(host) === 0)),
  );
}

function tickMs(plan: Plan): number {
  const timeouts = [
    ...plan.routes.flatMap(({ connectMs, queueMs, responseHeaderMs, requestMs, idleMs }) => [
      connectMs,
      queueMs,
      responseHeaderMs,
      requestMs,
      idleMs,
    ]),
    ...plan.upstreams.map((upstream) => upstream.connectionsIdleMs),
  ].filter((ms) => ms > 0);
  const shortest = timeouts.reduce((least, ms) => Math.min(least, ms), Number.POSITIVE_INFINITY);
  return Math.round(Math.min(Math.max(shortest / 10, 10), 100));
}

/** Largest sum over the features of one route. */
function largest(plan: Plan, bytesOf: (use: RouteUse) => number): number {
  let most = 0;
  for (const route of plan.routes) {
    let sum = 0;
    for (const use of route.uses.values()) sum += bytesOf(use);
    most = Math.max(most, sum);
  }
  return most;
}

function usesPhase(plan: Plan, phase: Phase): boolean {
  return anyUse(plan, (use) => use.phases[phase] !== undefined);
}

function anyUse(plan: Plan, test: (use: RouteUse) => boolean): boolean {
  return plan.routes.some((route) => [...route.uses.values()].some(test));
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / 256) * 256;
}
