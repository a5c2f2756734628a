/** The matcher's reference: what a plan's routes mean, without any thought of speed (precedence: build/emit/matcher.ts). */
import { METHOD_BITS, METHOD_OTHER, type Plan, type PlannedRoute } from "../build/plan.ts";

const ALL_METHODS = Object.values(METHOD_BITS).reduce((all, bit) => all | bit, METHOD_OTHER);
const KINDS = ["exact", "template", "prefix"];

export function matchNaively(plan: Plan, host: string, method: number, path: string) {
  const hasHost = (route: PlannedRoute) => route.hosts === undefined || route.hosts.includes(host);
  if (!plan.routes.some(hasHost)) return { route: -3, allowed: 0 };
  const matching = plan.routes.filter((route) => hasHost(route) && pathMatches(route, path));
  const found = matching.toSorted(precedence).find((route) => ((route.methods ?? ALL_METHODS) & method) !== 0);
  if (found !== undefined) return { route: plan.routes.indexOf(found), allowed: 0 };
  const allowed = matching.reduce((bits, route) => bits | route.methods!, 0);
  return { route: allowed === 0 ? -1 : -2, allowed };
}

function pathMatches(route: PlannedRoute, path: string): boolean {
  const wanted = route.path.segments;
  const got = path.slice(1).split("/");
  if (route.path.kind === "prefix" ? got.length <= wanted.length : got.length !== wanted.length) return false;
  return wanted.every((segment, i) => ("literal" in segment ? segment.literal === got[i] : got[i] !== ""));
}

function precedence(a: PlannedRoute, b: PlannedRoute): number {
  if (a.path.kind !== b.path.kind) return KINDS.indexOf(a.path.kind) - KINDS.indexOf(b.path.kind);
  for (let i = 0; i < Math.min(a.path.segments.length, b.path.segments.length); i++) {
    const literals = Number("literal" in b.path.segments[i]!) - Number("literal" in a.path.segments[i]!);
    if (literals !== 0) return literals;
  }
  return (
    b.path.segments.length - a.path.segments.length ||
    Number(a.hosts === undefined) - Number(b.hosts === undefined) ||
    Number(a.methods === undefined) - Number(b.methods === undefined)
  );
}
