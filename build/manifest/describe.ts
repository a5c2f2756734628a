/**
 * The plan as a manifest tells it: in the language's keys, with units in them, and names instead of numbers. Whatever
 * this file has no words for is taken over as it is, so that a new setting cannot be forgotten here.
 */
import { createHash } from "node:crypto";
import { nameMethods } from "../analyse/methods.ts";
import type { Budget } from "../budget/term.ts";
import type {
  Condition,
  Plan,
  PlannedAdminListener,
  PlannedEndpoint,
  PlannedLimits,
  PlannedListener,
  PlannedRoute,
  PlannedService,
  PlannedUpstream,
} from "../plan.ts";
import type { Manifest } from "./shape.ts";

/** What JSON has. */
export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };

/** A longer text, such as an answer's body, is told by its hash: the program has it anyway. */
const TEXT_CHARS_MAX = 512;

/** The sections that say what is in the plan. */
type Described =
  | "features"
  | "listeners"
  | "admin_listeners"
  | "observability"
  | "limits"
  | "service"
  | "update"
  | "credentials"
  | "upstreams"
  | "routes";

export function describePlan(plan: Plan): Pick<Manifest, Described> {
  return {
    features: plan.features.map(({ name }) => name),
    listeners: byName(plan.listeners, describeListener),
    // Most programs have neither.
    ...(plan.adminListeners.length > 0 && { admin_listeners: byName(plan.adminListeners, describeAdminListener) }),
    ...(plan.program.size > 0 && { observability: plain(plan.observability) as { [key: string]: Plain } }),
    limits: describeLimits(plan.limits),
    ...(plan.service !== undefined && { service: describeService(plan.service) }),
    ...(plan.update !== undefined && { update: describe(plan.update) }),
    ...(plan.credentials.length > 0 && { credentials: [...plan.credentials] }),
    upstreams: byName(plan.upstreams, describeUpstream),
    routes: byName(plan.routes, (route) => describeRoute(route, plan)),
  };
}

function describeListener({ name: _, host, port, ...rest }: PlannedListener) {
  return { address: `${host.includes(":") ? `[${host}]` : host}:${port}`, ...describe(rest) };
}

function describeAdminListener({ socketPath, ...listener }: PlannedAdminListener) {
  return socketPath === "" ? describeListener(listener) : { address: `unix:${socketPath}` };
}

function describeLimits({ connectionsMax, exchangesMax, descriptorsMax, ...rest }: PlannedLimits) {
  const { clientHeadBytesMax, targetBytesMax, drainMs, ...others } = rest;
  return {
    connections: connectionsMax,
    in_flight: exchangesMax,
    descriptors: descriptorsMax ?? null,
    header_bytes: clientHeadBytesMax,
    uri_bytes: targetBytesMax,
    drain_ms: drainMs,
    ...describe(others),
  };
}

function describeService({ user, watchdogMs, credentials, ...rest }: PlannedService) {
  return {
    manager: "systemd",
    user: user ?? "dynamic",
    watchdog_ms: watchdogMs ?? null,
    credentials: credentials === undefined ? null : { from: credentials.from, encrypted: credentials.areEncrypted },
    ...describe(rest),
  };
}

function describeUpstream({ name: _, endpoints, ...rest }: PlannedUpstream) {
  const { policy, connectionsMax, connectionsIdleMax, connectionsIdleMs, waitingMax, ...others } = rest;
  return {
    endpoints: Object.fromEntries(endpoints.map(describeEndpoint)),
    lb_policy: policy,
    connections: {
      max: connectionsMax,
      max_idle: connectionsIdleMax,
      idle_timeout_ms: connectionsIdleMs,
      max_waiting: waitingMax,
    },
    ...describe(others),
  };
}

function describeEndpoint({ host, port, socketPath, ...rest }: PlannedEndpoint) {
  const url = socketPath === "" ? `http://${host.includes(":") ? `[${host}]` : host}:${port}` : `unix:${socketPath}`;
  return [url, describe(rest)] as const;
}

function describeRoute(route: PlannedRoute, plan: Plan) {
  // `uses` is `settings` made ready for the program; `source` is a place in a file.
  const { name: _, source: _place, uses: _uses, settings, ...more } = route;
  const { listeners, hosts, path, methods, conditions, upstream, ...rest } = more;
  const { connectMs, queueMs, responseHeaderMs, requestMs, idleMs, ...bounds } = rest;
  const { uriBytesMax, fieldsMax, inFlightMax, ...others } = bounds;
  return {
    listeners: listeners?.map((index) => plan.listeners[index]!.name) ?? null,
    hosts: hosts === undefined ? null : [...hosts],
    path: path.kind === "regex" ? null : path.text,
    path_regex: path.kind === "regex" ? path.text : null,
    methods: methods === undefined ? null : nameMethods(methods).split(", "),
    headers: describeConditions(conditions, "field"),
    query: describeConditions(conditions, "parameter"),
    upstream: upstream === -1 ? null : plan.upstreams[upstream]!.name,
    timeouts: describe({ connectMs, queueMs, responseHeaderMs, requestMs, idleMs }),
    ...describe(others),
    // Most routes have none of these.
    ...(uriBytesMax !== undefined && { uri_bytes_max: uriBytesMax }),
    ...(fieldsMax !== undefined && { fields_max: fieldsMax }),
    ...(inFlightMax !== undefined && { in_flight_max: inFlightMax }),
    // In the language's own keys.
    ...(prune(plain(settings)) as { [key: string]: Plain }),
  };
}

/** As the language has them: `{ accept: "text/html", "x-device": { present: true } }`. */
function describeConditions(conditions: readonly Condition[], on: Condition["on"]): { [key: string]: Plain } {
  const entries = conditions
    .filter((condition) => condition.on === on)
    .map(({ name, test, value }): [string, Plain] => {
      if (test === "exact") return [name, value];
      return [name, test === "prefix" ? { prefix: value } : { present: test === "present" }];
    });
  return Object.fromEntries(entries);
}

function byName<T extends { readonly name: string }, D>(list: readonly T[], describe: (entry: T) => D) {
  return Object.fromEntries(list.map((entry) => [entry.name, describe(entry)]));
}

/** `{ connectMs: 5 }` as `{ connect_ms: 5 }`. */
function describe(settings: object): { [key: string]: Plain } {
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), plain(value)]),
  );
}

function plain(value: unknown): Plain {
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return value.length > TEXT_CHARS_MAX ? digestText(value) : value;
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

export function describeBudget({ total, limit, terms }: Budget): { [key: string]: number | null } {
  return { total, limit: limit ?? null, ...Object.fromEntries(terms.map(({ name, amount }) => [name, amount])) };
}

/** Without the empty lists and groups that merging of defaults leaves, which say nothing. */
function prune(value: Plain): Plain {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  const isEmpty = (inner: Plain) => inner !== null && typeof inner === "object" && Object.keys(inner).length === 0;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => {
      const pruned = prune(inner);
      return isEmpty(pruned) ? [] : [[key, pruned]];
    }),
  );
}

function digestText(text: string): string {
  return `${Buffer.byteLength(text)} bytes, sha256 ${createHash("sha256").update(text).digest("hex")}`;
}
