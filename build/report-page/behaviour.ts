/** What each route does, as data; and which routes are told together. */
import type { Feature, Phase, ReplyValue, RouteUse, Value } from "../feature.ts";
import type { Plan, PlannedRoute } from "../plan.ts";

/** Routes told together, in file order. */
export type Behaviour = readonly PlannedRoute[];

export interface Behaviours {
  readonly list: readonly Behaviour[];
  /** By route, the place in `list`. */
  readonly ofRoute: readonly number[];
}

/** More ways than this nobody reads: then routes to one upstream with the same features are told together. */
const WAYS_MAX = 200;

export function behavioursOf({ routes }: Plan): Behaviours {
  const alike = groupBy(routes, everythingOf);
  return alike.list.length <= WAYS_MAX
    ? alike
    : groupBy(routes, ({ upstream, uses }) => [upstream, ...uses.keys()].join());
}

function groupBy(routes: readonly PlannedRoute[], keyOf: (route: PlannedRoute) => string): Behaviours {
  const groups = new Map<string, { readonly place: number; readonly routes: PlannedRoute[] }>();
  const ofRoute = routes.map((route) => {
    const key = keyOf(route);
    const group = groups.get(key) ?? { place: groups.size, routes: [] };
    groups.set(key, group);
    group.routes.push(route);
    return group.place;
  });
  return { list: [...groups.values()].map(({ routes: together }) => together), ofRoute };
}

/** But which requests the route takes, and what it is called. */
function everythingOf(route: PlannedRoute): string {
  const { name: _, source: _source, listeners: _l, hosts: _h, path: _p, conditions: _c, uses, ...rest } = route;
  // How long a client waits depends on the methods, see explain/latency.ts.
  return JSON.stringify([[...uses], rest]);
}

/** What one feature does at one point of a request's life. */
export type Effect =
  | { readonly kind: "fields"; readonly feature: string; readonly changes: readonly FieldChange[] }
  | { readonly kind: "reply"; readonly feature: string; readonly reply: ReplyValue }
  | { readonly kind: "settings"; readonly feature: string; readonly settings: Readonly<Record<string, unknown>> };

export interface FieldChange {
  readonly rule: "set" | "add" | "remove";
  readonly name: string;
  /** "" where the field is removed. */
  readonly value: string;
}

/** In the order in which they run. */
export function effectsOf(phase: Phase, route: PlannedRoute, plan: Plan, features: readonly Feature[]): Effect[] {
  return plan.features.flatMap(({ name }): Effect[] => {
    const use = route.uses.get(name);
    if (use === undefined) return [];
    const data = use.phases[phase]?.data;
    if (phase !== "request") {
      const changes = changesOf(phase, data, use);
      if (changes.length > 0) return [{ kind: "fields", feature: name, changes }];
    }
    if (data === undefined) return [];
    if (isOf("reply", data)) return [{ kind: "reply", feature: name, reply: data }];
    return [{ kind: "settings", feature: name, settings: settingsOf(name, route, plan, features) }];
  });
}

/**
 * A template there is lines of fields, and what is dropped and does not come back is removed; where the feature has its
 * own way of writing, only its settings tell.
 */
function changesOf(phase: Phase, data: Value | undefined, use: RouteUse): FieldChange[] {
  if (data !== undefined && !isOf("template", data)) return [];
  const drops = (phase === "upstreamRequest" ? use.dropRequestFields : use.dropResponseFields) ?? [];
  const lines = data !== undefined ? data.text.split("\r\n").filter((line) => line !== "") : [];
  const changes = lines.map((line): FieldChange => {
    const colon = line.indexOf(": ");
    const name = line.slice(0, colon);
    return { rule: drops.includes(name.toLowerCase()) ? "set" : "add", name, value: line.slice(colon + 2) };
  });
  const back = new Set(changes.map(({ name }) => name.toLowerCase()));
  const gone = drops
    .filter((name) => !back.has(name))
    .map((name): FieldChange => ({ rule: "remove", name, value: "" }));
  return [...changes, ...gone];
}

function isOf<Kind extends "reply" | "template">(
  kind: Kind,
  data: Value,
): data is Extract<Value, { readonly kind: Kind }> {
  return typeof data === "object" && data !== null && "kind" in data && data.kind === kind;
}

/** In the language's words. */
function settingsOf(name: string, route: PlannedRoute, plan: Plan, features: readonly Feature[]) {
  const { routeKeys, programKeys = {} } = features.find((feature) => feature.name === name)!;
  const [settings, own] = plan.program.has(name) ? [plan.observability, programKeys] : [route.settings, routeKeys];
  const keys = Object.keys(own);
  return Object.fromEntries(keys.filter((key) => settings[key] !== undefined).map((key) => [key, settings[key]]));
}
