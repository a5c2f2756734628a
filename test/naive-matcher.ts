/**
 * The matcher's reference: what a plan's routes mean, without any thought of speed and without a line of the
 * compiler's (precedence: build/emit/matcher.ts).
 */
import {
  type Condition,
  METHOD_BITS,
  METHOD_OTHER,
  type PathPattern,
  type Plan,
  type PlannedRoute,
} from "../build/plan.ts";

export interface NaiveRequest {
  readonly listener: number;
  readonly host: string;
  readonly method: number;
  readonly path: string;
  readonly query: string;
  /** By name in lower case. */
  readonly fields: Readonly<Record<string, string>>;
}

const ALL_METHODS = Object.values(METHOD_BITS).reduce((all, bit) => all | bit, METHOD_OTHER);
const KINDS: readonly PathPattern["kind"][] = ["exact", "template", "prefix"];

export function matchNaively(plan: Plan, request: NaiveRequest) {
  const here = plan.routes.filter(({ listeners }) => listeners === undefined || listeners.includes(request.listener));
  const known = here.filter((route) => route.hosts === undefined || fittingHost(route, request.host) !== undefined);
  if (known.length === 0) return { route: -3, allowed: 0 };
  const matching = known.filter(
    (route) =>
      pathMatches(route.path, request.path) && route.conditions.every((condition) => holds(condition, request)),
  );
  const found = matching
    .filter((route) => ((route.methods ?? ALL_METHODS) & request.method) !== 0)
    .toSorted((a, b) => precedence(a, b, request.host))[0];
  if (found !== undefined) return { route: plan.routes.indexOf(found), allowed: 0 };
  const allowed = matching.reduce((bits, route) => bits | route.methods!, 0);
  return { route: allowed === 0 ? -1 : -2, allowed };
}

/** Of the route's hosts the one that takes this host, the longest if there are several. */
function fittingHost(route: PlannedRoute, host: string): string | undefined {
  const fitting = (route.hosts ?? []).filter((pattern) =>
    pattern.startsWith("*.")
      ? /^.+$/.test(host.slice(0, -pattern.length + 1)) && host.endsWith(pattern.slice(1))
      : pattern === host,
  );
  return fitting.find((pattern) => !pattern.startsWith("*.")) ?? fitting.toSorted((a, b) => b.length - a.length)[0];
}

function pathMatches(pattern: PathPattern, path: string): boolean {
  const wanted = pattern.segments;
  const got = path.slice(1).split("/");
  if (pattern.kind === "prefix" ? got.length <= wanted.length : got.length !== wanted.length) return false;
  return wanted.every((segment, i) => ("literal" in segment ? segment.literal === got[i] : got[i] !== ""));
}

function holds({ on, name, test, value }: Condition, { fields, query }: NaiveRequest): boolean {
  const found = on === "field" ? fields[name] || null : new URLSearchParams(query).get(name);
  if (test === "absent" || found === null || found === undefined) return test === "absent" && (found ?? null) === null;
  return test === "present" || (test === "exact" ? found === value : found.startsWith(value));
}

/** Negative if `a` goes first; 0 if neither does. */
export function precedence(a: PlannedRoute, b: PlannedRoute, host: string): number {
  return (
    comparePaths(a.path, b.path) ||
    compareHosts(fittingHost(a, host), fittingHost(b, host)) ||
    Number(a.listeners === undefined) - Number(b.listeners === undefined) ||
    Number(a.methods === undefined) - Number(b.methods === undefined) ||
    b.conditions.length - a.conditions.length ||
    compareConditions(a.conditions, b.conditions)
  );
}

function comparePaths(a: PathPattern, b: PathPattern): number {
  if (a.kind !== b.kind) return KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind);
  for (let i = 0; i < Math.min(a.segments.length, b.segments.length); i++) {
    const literals = Number("literal" in b.segments[i]!) - Number("literal" in a.segments[i]!);
    if (literals !== 0) return literals;
  }
  return b.segments.length - a.segments.length;
}

function compareHosts(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? 1 : -1;
  if (a.startsWith("*.") !== b.startsWith("*.")) return a.startsWith("*.") ? 1 : -1;
  return b.length - a.length;
}

/** Field by field and parameter by parameter: whether one list asks for more than the other everywhere. */
function compareConditions(a: readonly Condition[], b: readonly Condition[]): number {
  const within = (narrow: readonly Condition[], wide: readonly Condition[]) =>
    wide.every((one) => narrow.some((other) => other.on === one.on && other.name === one.name && implies(other, one)));
  return Number(within(b, a)) - Number(within(a, b));
}

function implies(narrow: Condition, wide: Condition): boolean {
  if (wide.test === "present") return narrow.test !== "absent";
  if (wide.test === "prefix" && narrow.test === "exact") return narrow.value.startsWith(wide.value);
  if (wide.test === "prefix" && narrow.test === "prefix") return narrow.value.startsWith(wide.value);
  return narrow.test === wide.test && narrow.value === wide.value;
}
