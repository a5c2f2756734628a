/** Files that passed every check → the plan: units into numbers, names into indexes, defaults merged in. */
import { conditionsOf } from "./analyse/conditions.ts";
import { connectionsOf, parseEndpoint } from "./analyse/endpoints.ts";
import { hostsOf, settingsOf, usesOf } from "./analyse/features.ts";
import { parseAddress } from "./analyse/listen-address.ts";
import { listenersOf } from "./analyse/listeners.ts";
import { methodBits } from "./analyse/methods.ts";
import { pathOf } from "./analyse/paths.ts";
import { adminListeners, programUses, routeListeners } from "./analyse/program.ts";
import { parseRequest } from "./analyse/tests.ts";
import { resolveTimeouts } from "./analyse/timeouts.ts";
import { credentialsIn } from "./credentials.ts";
import type { Feature, ProgramUse, RouteUse } from "./feature.ts";
import type {
  Plan,
  PlannedMemory,
  PlannedRoute,
  PlannedService,
  PlannedTest,
  PlannedUpdate,
  PlannedUpstream,
} from "./plan.ts";
import {
  BODY_BYTES_MAX,
  CLIENT_HEAD_BYTES_MAX,
  CONNECTIONS_IDLE_MS,
  CONNECTIONS_PER_EXCHANGE,
  DRAIN_MS,
  ERROR_SHARE_MAX,
  EXCHANGES_MAX,
  PROBATION_MS,
  PROBATION_REQUESTS_MIN,
  READY_MS,
  RESPONSE_HEAD_BYTES_MAX,
  TARGET_SHARE,
  WAITING_SHARE,
} from "./schema/defaults.ts";
import type { RouteEntry, RoutesFile, UpstreamEntry } from "./schema/routes.ts";
import type { TargetFile } from "./schema/target.ts";
import type { TestEntry } from "./schema/tests.ts";
import { parseDurationMs, parseSizeBytes } from "./schema/units.ts";
import { parseShare } from "./schema/update.ts";

/** @param lineOf line of a route's or test's entry, and `file` how the build names the file: no machine's folders in it */
export function makePlan(
  routesFile: RoutesFile,
  targetFile: TargetFile,
  features: readonly Feature[],
  source: { readonly file: string; readonly lineOf: (list: "routes" | "tests", index: number) => number },
): Plan {
  const { in_flight: exchangesMax = EXCHANGES_MAX, header_bytes: head, uri } = targetFile.limits ?? {};
  const clientHeadBytesMax = head === undefined ? CLIENT_HEAD_BYTES_MAX : parseSizeBytes(head);
  const upstreams = Object.entries(routesFile.upstreams ?? {}).map(([name, entry]) =>
    planUpstream(name, entry, exchangesMax),
  );
  const indexes = new Map(upstreams.map(({ name }, index) => [name, index]));
  const files = { routesFile, targetFile, features };
  const known = { listeners: routeListeners(files), upstreams: indexes };
  const program = programUses(files);
  const routes = routesFile.routes.map((route, index) =>
    planRoute(route, routesFile, features, program, known, `${source.file}:${source.lineOf("routes", index)}`),
  );
  const used = new Set([...routes.flatMap(({ uses }) => [...uses.keys()]), ...program.keys()]);
  const usesNamed = (name: string) => routes.flatMap(({ uses }) => uses.get(name) ?? []);
  return {
    name: routesFile.name,
    target: targetFile.target,
    listeners: known.listeners.map((name) => {
      const { host, port } = checked(parseAddress(targetFile.listeners[name]!.address));
      return { name, host, port };
    }),
    adminListeners: [...adminListeners(files)].map((name) => ({
      name,
      ...checked(parseAddress(targetFile.listeners[name]!.address)),
    })),
    upstreams,
    routes,
    limits: {
      connectionsMax: targetFile.limits?.connections ?? exchangesMax * CONNECTIONS_PER_EXCHANGE,
      descriptorsMax: targetFile.limits?.descriptors,
      exchangesMax,
      clientHeadBytesMax,
      targetBytesMax: uri === undefined ? Math.floor(clientHeadBytesMax * TARGET_SHARE) : parseSizeBytes(uri),
      responseHeadBytesMax: RESPONSE_HEAD_BYTES_MAX,
      readBytes: 0,
      drainMs: targetFile.timing?.drain === undefined ? DRAIN_MS : parseDurationMs(targetFile.timing.drain),
    },
    memory: planMemory(targetFile),
    service: planService(targetFile),
    update: planUpdate(targetFile),
    credentials: credentialsIn(routes.flatMap(({ uses }) => [...uses.values()])),
    features: features
      .filter(({ name }) => used.has(name))
      .map(({ name }) => ({ name, folder: `src/features/${name}` })),
    program,
    observability: (routesFile.observability ?? {}) as Readonly<Record<string, unknown>>,
    tests: (routesFile.tests ?? []).map((test, index) =>
      planTest(test, known.listeners, `${source.file}:${source.lineOf("tests", index)}`),
    ),
    tables: features.flatMap(({ name, memory }) =>
      used.has(name)
        ? [...(memory?.(usesNamed(name)) ?? []), ...(program.get(name)?.tables ?? [])].map((table) => ({
            ...table,
            name: `${name}: ${table.name}`,
          }))
        : [],
    ),
  };
}

function planTest(test: TestEntry, listeners: readonly string[], source: string): PlannedTest {
  return {
    source,
    listener: test.listener === undefined ? 0 : listeners.indexOf(test.listener),
    ...checked(parseRequest(test.request)),
    fields: Object.entries(test.headers ?? {}),
    expect: test.expect,
  };
}

function planMemory({ memory: { budget, heap } = {} }: TargetFile): PlannedMemory {
  return {
    budgetBytes: budget === undefined ? undefined : parseSizeBytes(budget),
    heapMib: heap === undefined ? undefined : Math.floor(parseSizeBytes(heap) / (1 << 20)),
  };
}

function planService({ service }: TargetFile): PlannedService | undefined {
  if (service === undefined) return undefined;
  const { user = "dynamic", watchdog, credentials } = service;
  return {
    user: user === "dynamic" ? undefined : user,
    watchdogMs: watchdog === undefined ? undefined : parseDurationMs(watchdog),
    credentials: credentials && { from: credentials.from, areEncrypted: credentials.encrypted ?? false },
  };
}

function planUpdate({ update }: TargetFile): PlannedUpdate | undefined {
  if (update === undefined) return undefined;
  const { ready_within: ready, probation, error_ratio: errors, p99, min_requests: requestsMin } = update;
  return {
    readyMs: ready === undefined ? READY_MS : parseDurationMs(ready),
    probationMs: probation === undefined ? PROBATION_MS : parseDurationMs(probation),
    errorShareMax: errors === undefined ? ERROR_SHARE_MAX : parseShare(errors),
    p99Ms: p99 === undefined ? undefined : parseDurationMs(p99),
    requestsMin: requestsMin ?? PROBATION_REQUESTS_MIN,
  };
}

function planUpstream(name: string, entry: UpstreamEntry, exchangesMax: number): PlannedUpstream {
  const { max, idle } = connectionsOf(entry.connections);
  const { idle_timeout: idleTimeout, max_waiting: waiting } = entry.connections ?? {};
  return {
    name,
    endpoints: entry.endpoints.map(({ url, weight = 1 }) => ({ ...checked(parseEndpoint(url)), weight })),
    connectionsMax: max,
    connectionsIdleMax: idle,
    connectionsIdleMs: idleTimeout === undefined ? CONNECTIONS_IDLE_MS : parseDurationMs(idleTimeout),
    // Whoever waits is in flight, so that more than those never wait.
    waitingMax: Math.min(waiting ?? Math.floor(exchangesMax * WAITING_SHARE), exchangesMax),
    pipelining: entry.pipelining ?? 1,
    policy: entry.lb_policy ?? "round_robin",
  };
}

function planRoute(
  route: RouteEntry,
  { defaults, upstreams }: RoutesFile,
  features: readonly Feature[],
  program: ReadonlyMap<string, ProgramUse>,
  known: { readonly listeners: readonly string[]; readonly upstreams: ReadonlyMap<string, number> },
  source: string,
): PlannedRoute {
  const upstream = route.upstream === undefined ? undefined : upstreams?.[route.upstream];
  const timeouts = resolveTimeouts([route.timeouts, upstream?.timeouts, defaults?.timeouts]);
  const limits = { ...defaults?.limits, ...route.limits };
  return {
    name: route.name,
    listeners: listenersOf(route, known.listeners),
    hosts: hostsOf(route, defaults),
    path: checked(pathOf(route.match)!),
    methods: methodBits(route.match.methods),
    conditions: conditionsOf(route.match)!,
    upstream: route.upstream === undefined ? -1 : known.upstreams.get(route.upstream)!,
    connectMs: timeouts.connect,
    queueMs: timeouts.queue,
    responseHeaderMs: timeouts.response_header,
    requestMs: timeouts.request,
    idleMs: timeouts.idle,
    bodyBytesMax: limits.body === undefined ? BODY_BYTES_MAX : parseSizeBytes(limits.body),
    uriBytesMax: limits.uri === undefined ? undefined : parseSizeBytes(limits.uri),
    fieldsMax: limits.headers,
    inFlightMax: limits.in_flight,
    uses: withProgram(usesOf(features, route, defaults), program),
    settings: settingsOf(features, route, defaults),
    source,
  };
}

/** What a feature does on every route stands where it does something on this one alone. */
function withProgram(
  uses: ReadonlyMap<string, RouteUse>,
  program: ReadonlyMap<string, ProgramUse>,
): ReadonlyMap<string, RouteUse> {
  const all = new Map(uses);
  for (const [name, { requests }] of program) {
    if (requests === undefined) continue;
    if (all.has(name)) throw new Error(`feature ${name} does one thing on a route and another on all`);
    all.set(name, requests);
  }
  return all;
}

/** What a pass has checked; anything else here is a bug of the pass. */
function checked<T extends object>(parsed: T | string | { readonly mistake: string }): T {
  if (typeof parsed === "string") throw new Error(parsed);
  if ("mistake" in parsed) throw new Error(parsed.mistake);
  return parsed;
}
