/** Timeouts that no request can ever meet: of a route that no upstream answers, of an upstream whose routes all say otherwise. */
import { hasHoles } from "../schema/explain.ts";
import type { Timeouts } from "../schema/routes.ts";
import { type AnalysisInput, routesOf, upstreamsOf } from "./input.ts";

/** Those that only pass while an upstream is asked. */
const OF_UPSTREAMS = ["connect", "queue", "response_header"] as const satisfies (keyof Timeouts)[];

export function checkUnusedTimeouts(input: AnalysisInput): void {
  const routes = routesOf(input);
  for (const [index, route] of routes) {
    if (route.upstream !== undefined || hasHoles(route)) continue;
    for (const key of OF_UPSTREAMS) {
      if (route.timeouts?.[key] === undefined) continue;
      const message = "this has no effect, since no upstream is asked for this route";
      input.routes.warning("HW1902", ["routes", index, "timeouts", key], message, "key");
    }
  }
  if (routes.some(([, route]) => hasHoles(route))) return;
  for (const [name, { timeouts }] of upstreamsOf(input)) {
    const own = routes.filter(([, { upstream }]) => upstream === name);
    for (const key of Object.keys(timeouts ?? {}) as (keyof Timeouts)[]) {
      if (own.length === 0 || own.some(([, route]) => route.timeouts?.[key] === undefined)) continue;
      const message = "this has no effect, since every route to this upstream sets its own";
      input.routes.warning("HW1902", ["upstreams", name, "timeouts", key], message, "key");
    }
  }
}
