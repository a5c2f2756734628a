/** Emits constants.ts: the numbers and switches that esbuild folds into the core. */
import { isIP } from "node:net";
import { memoryBudget } from "../budget/memory.ts";
import type { RouteUse } from "../feature.ts";
import type { Condition, Plan, PlannedRoute } from "../plan.ts";
import { ADMIN_CONNECTIONS_MAX } from "../schema/defaults.ts";
import { hasPhase, sizesOf } from "../sizes.ts";
import { usesListeners } from "./matcher-conditions.ts";
import { takesFields } from "./taken.ts";
import type { Text } from "./text.ts";

export function emitConstants(out: Text, plan: Plan): void {
  const { limits } = plan;
  const sizes = sizesOf(plan);
  const number = (name: string, value: number, why: string) =>
    out.line(`/** ${why} */`).line(`export const ${name}: number = ${value};`);
  const flag = (name: string, value: boolean) => out.line(`export const ${name}: boolean = ${value};`);

  number("TICK_MS", tickMs(plan), "A tenth of the shortest timeout, between 10 and 100 ms.");
  number("CONNECTIONS_MAX", limits.connectionsMax, "Client connections open at once.");
  number("ADMIN_CONNECTIONS_MAX", ADMIN_CONNECTIONS_MAX, "Connections open at once to one admin listener.");
  number("EXCHANGES_MAX", limits.exchangesMax, "Requests in flight at once.");
  number("CLIENT_HEAD_BYTES_MAX", limits.clientHeadBytesMax, "A client's request head.");
  number("TARGET_BYTES_MAX", limits.targetBytesMax, "Its path and query together.");
  number("REQUEST_HEAD_BYTES", sizes.requestHeadBytes, "A request head towards an upstream.");
  number("READ_BYTES", limits.readBytes, "One read of an upstream.");
  number("RESPONSE_HEAD_BYTES_MAX", limits.responseHeadBytesMax, "An upstream's answer head.");
  number("RESPONSE_HEAD_ADDED_BYTES", sizes.answerHeadAddedBytes, "Most bytes that features add to an answer's head.");
  number("WINDOWS_MAX", sizes.windowsMax, "Body windows: a read of an upstream, or a head and a read of a client.");
  number("DRAIN_MS", limits.drainMs, "After SIGTERM, requests in flight get this long.");
  const { update } = plan;
  number("UPDATE_READY_MS", update?.readyMs ?? 0, "A build on trial serves by then.");
  number("UPDATE_PROBATION_MS", update?.probationMs ?? 0, "And is on trial for this long.");
  number("UPDATE_ERROR_SHARE", update?.errorShareMax ?? 0, "Greatest part of its answers that may fail.");
  number("UPDATE_P99_MS", update?.p99Ms ?? 0, "99 of 100 are faster; 0 if that is not asked for.");
  number("UPDATE_REQUESTS_MIN", update?.requestsMin ?? 0, "With fewer there is no judgement.");
  // Where nobody manages the process, nobody is to say how large its machine must be.
  const isManaged = plan.service !== undefined || update !== undefined;
  number("MEMORY_BYTES", isManaged ? memoryBudget(plan).total : 0, "The machine or cgroup has as much; 0: not asked.");
  out.line();
  flag(
    "HAS_HOSTS",
    plan.routes.some((route) => route.hosts !== undefined),
  );
  const tells = [...plan.program.values()].some(({ listeners }) => (listeners?.names.length ?? 0) > 0);
  flag("HAS_LISTENERS", usesListeners(plan) || tells);
  flag("HAS_FIELD_CONDITIONS", hasConditions(plan, "field"));
  flag("HAS_QUERY_CONDITIONS", hasConditions(plan, "parameter"));
  flag("HAS_ARRIVE", hasPhase(plan, "arrive"));
  flag("HAS_REQUEST", hasPhase(plan, "request"));
  flag("HAS_UPSTREAM_REQUEST", hasPhase(plan, "upstreamRequest"));
  flag("HAS_RESPONSE_HEAD", hasPhase(plan, "responseHead"));
  flag("HAS_REFUSAL_HEAD", hasPhase(plan, "refusalHead"));
  flag("HAS_UPSTREAM_ERROR", hasPhase(plan, "upstreamError"));
  flag("HAS_DONE", hasPhase(plan, "done") || plan.update !== undefined);
  flag("TAKES_FIELDS", anyUse(plan, takesFields));
  flag("TELLS_LISTENER", tells);
  flag("HAS_ADMIN", plan.adminListeners.length > 0);
  flag(
    "STARTS_FEATURES",
    [...plan.program.values()].some(({ start }) => start !== undefined),
  );
  flag(
    "STOPS_FEATURES",
    [...plan.program.values()].some(({ stop }) => stop !== undefined),
  );
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
  flag("HAS_ROUTE_LIMITS", plan.routes.some(hasLimits));
  flag("HAS_TESTS", plan.tests.length > 0);
  flag("HAS_CREDENTIALS", plan.credentials.length > 0);
  flag("HAS_SERVICE", plan.service !== undefined);
  flag("HAS_WATCHDOG", plan.service?.watchdogMs !== undefined);
  flag("HAS_UPDATE", plan.update !== undefined);
  flag(
    "HAS_NAMES",
    plan.upstreams.some(({ endpoints }) => endpoints.some(({ host }) => host !== "" && isIP(host) === 0)),
  );
}

function hasLimits({ uriBytesMax, fieldsMax, inFlightMax }: PlannedRoute): boolean {
  return [uriBytesMax, fieldsMax, inFlightMax].some((limit) => limit !== undefined);
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

function hasConditions(plan: Plan, on: Condition["on"]): boolean {
  return plan.routes.some((route) => route.conditions.some((condition) => condition.on === on));
}

function anyUse(plan: Plan, test: (use: RouteUse) => boolean): boolean {
  return plan.routes.some((route) => [...route.uses.values()].some(test));
}
