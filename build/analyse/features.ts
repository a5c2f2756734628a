/**
 * What features say about routes: their own checks, and who answers. A route is answered by one upstream or by one
 * feature, never by both and never by none.
 */
import type { Feature, Problem, RouteUse, RouteView } from "../feature.ts";
import { automatonOfPath, commonPrefix } from "../match/automaton.ts";
import { type Draft, hasHoles } from "../schema/explain.ts";
import type { RouteEntry, RoutesFile } from "../schema/routes.ts";
import { isWritten, type Path } from "../source.ts";
import { parseHost } from "./hosts.ts";
import { type AnalysisInput, routesOf } from "./input.ts";
import { pathOf } from "./paths.ts";
import { fieldsSetBy } from "./program.ts";

type Values = Readonly<Record<string, unknown>>;

export function checkFeatures(input: AnalysisInput): void {
  const { defaults } = input.routesFile ?? {};
  const fieldsSet = fieldsSetBy(input);
  for (const [index, route] of routesOf(input)) {
    const viewed = viewRoute(route, defaults);
    if (viewed === undefined) continue;
    const view = { ...viewed, fieldsSet };
    const answering: string[] = [];
    for (const feature of input.features) {
      const values = valuesOf(feature, route, defaults);
      if (values === undefined) continue;
      let correct = true;
      const problem: Problem = (code, path, message) => {
        correct = false;
        input.routes.error(code, placeOf(input, index, path), message);
      };
      feature.check?.(values, view, problem);
      if (correct && feature.use(values, view)?.answers) answering.push(feature.name);
    }
    checkAnswer(input, index, route, answering);
  }
}

function checkAnswer(
  input: AnalysisInput,
  index: number,
  route: Draft<RouteEntry>,
  answering: readonly string[],
): void {
  const [first, second] = answering;
  if (route.upstream !== undefined && first !== undefined) {
    input.routes.error(
      "HW1205",
      ["routes", index, "upstream"],
      `${first} answers this route, so no upstream is asked; remove one of the two`,
    );
  } else if (second !== undefined) {
    input.routes.error(
      "HW1205",
      ["routes", index],
      `${first} and ${second} both answer this route; remove one of the two`,
    );
  } else if (route.upstream === undefined && first === undefined && !hasHoles(route)) {
    input.routes.error(
      "HW1204",
      ["routes", index],
      "nothing answers this route; name its upstream, or give a fixed answer",
    );
  }
}

/** A value that came from `defaults` is wrong there. */
function placeOf(input: AnalysisInput, index: number, path: Path): Path {
  const own = ["routes", index, ...path];
  const inherited = ["defaults", ...path];
  return !isWritten(input.routes.source, own) && isWritten(input.routes.source, inherited) ? inherited : own;
}

/** The route as features see it; undefined if its name or path is wrong. */
export function viewRoute(route: Draft<RouteEntry>, defaults: Draft<RoutesFile>["defaults"]): RouteView | undefined {
  const path = route.match && pathOf(route.match);
  if (route.name === undefined || path === undefined || typeof path === "string") return undefined;
  return {
    name: route.name,
    // What can be said of a path_regex's paths is the prefix that they have in common.
    path: path.kind === "regex" ? `${commonPrefix(automatonOfPath(path))}*` : path.text,
    pathKind: path.kind === "regex" ? "prefix" : path.kind,
    methods: withoutHoles(route.match?.methods),
    hosts: hostsOf(route, defaults),
    upstream: route.upstream,
  };
}

/** The hosts that hold for a route, as requests carry them or as wildcards; undefined for any. Wrong ones are left out. */
export function hostsOf(
  route: Draft<RouteEntry>,
  defaults: Draft<RoutesFile>["defaults"],
): readonly string[] | undefined {
  const hosts = withoutHoles(route.hosts ?? defaults?.hosts)?.map(parseHost);
  return hosts?.flatMap((host) => ("name" in host ? [host.name] : []));
}

function withoutHoles<T>(list: readonly (T | undefined)[] | undefined): readonly T[] | undefined {
  return list?.filter((entry) => entry !== undefined);
}

/** A feature's values on one route, defaults merged; undefined if there is none or if one of them is wrong. */
function valuesOf(feature: Feature, route: Values, defaults: Values = {}): Values | undefined {
  const values: Record<string, unknown> = {};
  for (const key of Object.keys(feature.routeKeys)) {
    const mayDefault = feature.defaultKeys?.includes(key) ?? false;
    if ((key in route && route[key] === undefined) || (mayDefault && key in defaults && defaults[key] === undefined))
      return undefined;
    const own = route[key];
    const fallback = mayDefault ? defaults[key] : undefined;
    if (own === undefined && fallback === undefined) continue;
    const both = own !== undefined && fallback !== undefined;
    values[key] = both && feature.mergeDefaults ? feature.mergeDefaults(key, fallback, own) : (own ?? fallback);
  }
  return Object.keys(values).length === 0 ? undefined : values;
}

/** What each feature does on a route that passed the checks, by the feature's name. */
export function usesOf(
  features: readonly Feature[],
  route: RouteEntry,
  defaults: RoutesFile["defaults"],
): Map<string, RouteUse> {
  const uses = new Map<string, RouteUse>();
  const view = viewRoute(route, defaults)!;
  for (const feature of features) {
    const values = valuesOf(feature, route, defaults);
    const use = values && feature.use(values, view);
    if (use !== undefined) uses.set(feature.name, use);
  }
  return uses;
}

/** The keys of these features, with the values that hold on the route. */
export function settingsOf(features: readonly Feature[], route: RouteEntry, defaults: RoutesFile["defaults"]): Values {
  const uses = usesOf(features, route, defaults);
  const values = features.filter(({ name }) => uses.has(name)).map((feature) => valuesOf(feature, route, defaults));
  return Object.assign({}, ...values);
}
