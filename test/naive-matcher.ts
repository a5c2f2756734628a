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
const KINDS: readonly PathPattern["kind"][] = ["exact", "template", "prefix", "regex"];

export function matchNaively(plan: Plan, request: NaiveRequest) {
  const here = plan.routes.filter(({ listeners }) => listeners === undefined || listeners.includes(request.listener));
  const known = here.filter((route) => route.hosts === undefined || fittingHost(route, request.host) !== undefined);
  if (known.length === 0) return { route: -3, allowed: 0 };
  const matching = known.filter(
    (route) =>
      pathMatches(route.path, request.path) && route.conditions.every((condition) => holds(condition, request)),
  );
  const found = firstOf(
    matching.filter((route) => takesMethod(route, request)),
    request,
  )[0];
  if (found !== undefined) return { route: plan.routes.indexOf(found), allowed: 0 };
  const allowed = matching.reduce((bits, route) => bits | route.methods!, 0);
  return { route: allowed === 0 ? -1 : -2, allowed };
}

/** The routes that nothing goes before; more than one is a tie, which the checker refuses. */
function firstOf(routes: readonly PlannedRoute[], { host }: NaiveRequest): PlannedRoute[] {
  return routes.filter((route) => !routes.some((other) => precedence(other, route, host) < 0));
}

/** Whether two routes could be the one for a request. */
export function isTie(plan: Plan, request: NaiveRequest): boolean {
  const taking = plan.routes.filter(
    (route) =>
      takesMethod(route, request) &&
      (route.listeners?.includes(request.listener) ?? true) &&
      (route.hosts === undefined || fittingHost(route, request.host) !== undefined) &&
      pathMatches(route.path, request.path) &&
      route.conditions.every((condition) => holds(condition, request)),
  );
  return firstOf(taking, request).length > 1;
}

function takesMethod({ methods }: PlannedRoute, { method }: NaiveRequest): boolean {
  return ((methods ?? ALL_METHODS) & method) !== 0;
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

export function pathMatches(pattern: PathPattern, path: string): boolean {
  if (pattern.kind === "regex") return wholePath(pattern.text).test(path);
  const wanted = pattern.segments;
  const got = path.slice(1).split("/");
  if (pattern.kind === "prefix" ? got.length <= wanted.length : got.length !== wanted.length) return false;
  return wanted.every((segment, i) => ("literal" in segment ? segment.literal === got[i] : got[i] !== ""));
}

const expressions = new Map<string, RegExp>();

function wholePath(text: string): RegExp {
  const expression = expressions.get(text) ?? new RegExp(`^(?:${text})$`);
  expressions.set(text, expression);
  return expression;
}

function holds({ on, name, test, value }: Condition, { fields, query }: NaiveRequest): boolean {
  const found = on === "field" ? fields[name] || null : new URLSearchParams(query).get(name);
  if (test === "absent" || found === null || found === undefined) return test === "absent" && (found ?? null) === null;
  return test === "present" || (test === "exact" ? found === value : found.startsWith(value));
}

/** Negative if `a` goes first, of two routes that take the request; 0 if neither does. */
function precedence(a: PlannedRoute, b: PlannedRoute, host: string): number {
  if (a.path.kind !== b.path.kind) return KINDS.indexOf(a.path.kind) - KINDS.indexOf(b.path.kind);
  const [aWithin, bWithin] = [isWithin(a.path, b.path), isWithin(b.path, a.path)];
  if (aWithin !== bWithin || !aWithin) return Number(bWithin) - Number(aWithin);
  return (
    compareHosts(fittingHost(a, host), fittingHost(b, host)) ||
    Number(a.listeners === undefined) - Number(b.listeners === undefined) ||
    Number(a.methods === undefined) - Number(b.methods === undefined) ||
    b.conditions.length - a.conditions.length ||
    compareConditions(a.conditions, b.conditions)
  );
}

const regexesWithin = new Map<string, boolean>();

function isWithinRegex(inner: PathPattern, outer: PathPattern): boolean {
  const key = `${inner.text} ${outer.text}`;
  let is = regexesWithin.get(key);
  if (is === undefined) {
    is = SAMPLE_PATHS.every((path) => !pathMatches(inner, path) || pathMatches(outer, path));
    regexesWithin.set(key, is);
  }
  return is;
}

/** Whether all paths of one pattern are also the other's, which is of the same kind. */
function isWithin(inner: PathPattern, outer: PathPattern): boolean {
  if (inner.kind === "regex") return isWithinRegex(inner, outer);
  const covers = outer.segments.every((segment, i) => {
    const other = inner.segments[i];
    return other !== undefined && ("variable" in segment || ("literal" in other && other.literal === segment.literal));
  });
  return covers && (inner.kind === "prefix" || inner.segments.length === outer.segments.length);
}

const SEGMENTS = ["a", "b", "ab", "v1", "v2", "7", "x"];
/** Enough of them to tell the patterns of tests apart. */
export const SAMPLE_PATHS: readonly string[] = [1, 2, 3]
  .reduce<string[][]>(
    (all) => [...all, all.at(-1)!.flatMap((path) => SEGMENTS.map((segment) => `${path}/${segment}`))],
    [[""]],
  )
  .flat()
  .flatMap((path) => (path === "" ? ["/"] : [path, `${path}/`]));

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
