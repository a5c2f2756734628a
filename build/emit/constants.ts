/** Emits constants.ts: the numbers and switches that esbuild folds into the core. */
import { isIP } from "node:net";
import type { Phase, RouteUse, Template } from "../feature.ts";
import type { Condition, Plan } from "../plan.ts";
import { HOST_BYTES_MAX, LINE_GROWTH_BYTES, templateBytesMax } from "../template.ts";
import { usesListeners } from "./matcher-conditions.ts";
import type { Text } from "./text.ts";

/**
 * Fields of a client's head: 100 entries fixed in uWebSockets.js, less two of its own. Each may come without the blank
 * that we put after its colon.
 */
const CLIENT_FIELDS_MAX = 98;
/**
 * Most bytes that the core adds to what the client sent. Its own fields without their values: X-Forwarded-For 19,
 * X-Real-IP 13, X-Forwarded-Proto 21, Via 11, X-Forwarded-Host 20; two addresses of 39, the scheme, a gateway's name
 * of 63, the host; `content-length: 0` where the client sent none. What the client sent is framed as it came.
 */
const CORE_HEAD_BYTES = 19 + 13 + 21 + 11 + 20 + 2 * 39 + 5 + 63 + HOST_BYTES_MAX + 19 + CLIENT_FIELDS_MAX;

/** One for each body whose receiver is slower than its sender; untouched pages of a window cost nothing. */
const WINDOWS_BOUND = 256;

export function emitConstants(out: Text, plan: Plan): void {
  const { limits } = plan;
  const number = (name: string, value: number, why: string) =>
    out.line(`/** ${why} */`).line(`export const ${name}: number = ${value};`);
  const flag = (name: string, value: boolean) => out.line(`export const ${name}: boolean = ${value};`);

  number("TICK_MS", tickMs(plan), "A tenth of the shortest timeout, between 10 and 100 ms.");
  number("EXCHANGES_MAX", limits.exchangesMax, "Requests in flight at once.");
  number("CLIENT_HEAD_BYTES_MAX", limits.clientHeadBytesMax, "A client's request head.");
  number("TARGET_BYTES_MAX", limits.targetBytesMax, "Its path and query together.");
  const growth = usesPhase(plan, "request") ? LINE_GROWTH_BYTES : 0;
  const requestHeadBytes =
    limits.clientHeadBytesMax + CORE_HEAD_BYTES + growth + largest(plan, (use) => use.requestHeadBytes);
  number("REQUEST_HEAD_BYTES", roundUp(requestHeadBytes), "A request head towards an upstream.");
  number("RESPONSE_HEAD_BYTES_MAX", limits.responseHeadBytesMax, "An upstream's answer head.");
  const added = largest(plan, (use) => use.responseHeadBytes);
  number("RESPONSE_HEAD_ADDED_BYTES", roundUp(added), "Most bytes that features add to an answer's head.");
  number("WINDOWS_MAX", Math.min(2 * limits.exchangesMax, WINDOWS_BOUND), "Body windows of 64 KiB and a head.");
  number("DRAIN_MS", limits.drainMs, "After SIGTERM, requests in flight get this long.");
  out.line();
  flag(
    "HAS_HOSTS",
    plan.routes.some((route) => route.hosts !== undefined),
  );
  flag("HAS_LISTENERS", usesListeners(plan));
  flag("HAS_FIELD_CONDITIONS", hasConditions(plan, "field"));
  flag("HAS_QUERY_CONDITIONS", hasConditions(plan, "parameter"));
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
  flag("HAS_TESTS", plan.tests.length > 0);
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
function largest({ routes, limits }: Plan, sizeOf: (use: RouteUse) => number | Template | undefined): number {
  let most = 0;
  for (const route of routes) {
    let sum = 0;
    for (const use of route.uses.values()) {
      const size = sizeOf(use) ?? 0;
      sum += typeof size === "number" ? size : templateBytesMax(size.text, limits);
    }
    most = Math.max(most, sum);
  }
  return most;
}

function hasConditions(plan: Plan, on: Condition["on"]): boolean {
  return plan.routes.some((route) => route.conditions.some((condition) => condition.on === on));
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
