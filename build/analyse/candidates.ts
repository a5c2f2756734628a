/** The routes that can be compared with each other: those of which nothing is wrong that says what they take. */

import type { RouteMatch } from "../plan.ts";
import { type Draft, hasHoles } from "../schema/explain.ts";
import type { RouteEntry } from "../schema/routes.ts";
import { conditionsOf } from "./conditions.ts";
import { hostsOf } from "./features.ts";
import { type AnalysisInput, routesOf } from "./input.ts";
import { listenersOf } from "./listeners.ts";
import { methodBits } from "./methods.ts";
import { pathOf } from "./paths.ts";
import { routeListeners } from "./program.ts";

export interface Candidate extends RouteMatch {
  /** In the file. */
  readonly index: number;
}

/** Several passes ask for the same ones. */
const made = new WeakMap<AnalysisInput, readonly Candidate[]>();

export function candidatesOf(input: AnalysisInput): readonly Candidate[] {
  let candidates = made.get(input);
  if (candidates === undefined) {
    const known = routeListeners(input);
    candidates = routesOf(input).flatMap(([index, route]) => candidateOf(input, index, route, known) ?? []);
    made.set(input, candidates);
  }
  return candidates;
}

/** Undefined if something in it is wrong: guessing what it meant would report followers. */
function candidateOf(
  input: AnalysisInput,
  index: number,
  route: Draft<RouteEntry>,
  known: readonly string[],
): Candidate | undefined {
  const { defaults } = input.routesFile ?? {};
  const { match } = route;
  if (match === undefined || hasHoles(match) || hasHoles(match.methods ?? [])) return undefined;
  if (("hosts" in route && route.hosts === undefined) || ("listeners" in route && route.listeners === undefined))
    return undefined;
  const [path, conditions] = [pathOf(match), conditionsOf(match)];
  const [hosts, listeners] = [hostsOf(route, defaults), listenersOf(route, known)];
  if (path === undefined || typeof path === "string" || conditions === undefined) return undefined;
  if (hosts?.length !== (route.hosts ?? defaults?.hosts)?.length || listeners?.length !== route.listeners?.length)
    return undefined;
  return {
    index,
    listeners,
    hosts,
    path,
    methods: methodBits(match.methods as readonly string[] | undefined),
    conditions,
  };
}

/** `the route "a" at routes.yaml:7` */
export function nameOf(input: AnalysisInput, { index }: Candidate): string {
  const name = input.routesFile?.routes?.[index]?.name ?? `[${index}]`;
  return `the route "${name}" at ${input.routes.place(pathPlace(input, index))}`;
}

/** Where a route says its path. */
export function pathPlace(input: AnalysisInput, index: number): (string | number)[] {
  const key = input.routesFile?.routes?.[index]?.match?.path === undefined ? "path_regex" : "path";
  return ["routes", index, "match", key];
}
