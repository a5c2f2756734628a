/** Plans as values, for tests of what comes after the plan. */
import type { RouteUse } from "../build/feature.ts";
import { type Condition, METHOD_BITS, type PathPattern, type Plan, type PlannedRoute } from "../build/plan.ts";

export interface RouteSketch {
  readonly path: string;
  /** The path is a `path_regex`. */
  readonly isRegex?: boolean;
  readonly name?: string;
  readonly methods?: readonly string[] | undefined;
  readonly hosts?: readonly string[] | undefined;
  readonly listeners?: readonly number[] | undefined;
  readonly conditions?: readonly Condition[];
  readonly uses?: Readonly<Record<string, RouteUse>>;
  readonly source?: string;
}

export function planOf(routes: readonly RouteSketch[], rest: Partial<Plan> = {}): Plan {
  return {
    name: "test",
    target: "linux-x64",
    listeners: [{ name: "public", host: "127.0.0.1", port: 8080 }],
    upstreams: [
      {
        name: "api",
        endpoints: [{ host: "127.0.0.1", port: 3000, socketPath: "", weight: 1 }],
        connectionsMax: 32,
        connectionsIdleMax: 8,
        connectionsIdleMs: 30_000,
        waitingMax: 32,
        pipelining: 1,
        policy: "round_robin",
      },
    ],
    routes: routes.map(plannedRoute),
    limits: {
      connectionsMax: 256,
      descriptorsMax: undefined,
      exchangesMax: 64,
      clientHeadBytesMax: 4096,
      targetBytesMax: 2048,
      responseHeadBytesMax: 16_384,
      readBytes: 65_536,
      drainMs: 20_000,
    },
    memory: { budgetBytes: undefined, heapMib: undefined },
    service: undefined,
    update: undefined,
    credentials: [],
    features: [],
    adminListeners: [],
    program: new Map(),
    observability: {},
    tests: [],
    tables: [],
    ...rest,
  };
}

function plannedRoute(sketch: RouteSketch, number: number): PlannedRoute {
  return {
    name: sketch.name ?? `route-${number}`,
    listeners: sketch.listeners,
    hosts: sketch.hosts,
    path: sketch.isRegex ? { text: sketch.path, kind: "regex", segments: [] } : pathOf(sketch.path),
    methods: sketch.methods?.reduce((bits, method) => bits | METHOD_BITS[method]!, 0),
    conditions: sketch.conditions ?? [],
    upstream: 0,
    connectMs: 1000,
    queueMs: 1000,
    responseHeaderMs: 5000,
    requestMs: 10_000,
    idleMs: 60_000,
    bodyBytesMax: 1 << 20,
    uriBytesMax: undefined,
    fieldsMax: undefined,
    inFlightMax: undefined,
    uses: new Map(Object.entries(sketch.uses ?? {})),
    settings: {},
    source: sketch.source ?? `routes/test.yaml:${number + 1}`,
  };
}

function pathOf(text: string): PathPattern {
  const prefix = text.endsWith("/*");
  const segments = (prefix ? text.slice(0, -2) : text)
    .split("/")
    .slice(1)
    .map((segment) => (/^\{.*\}$/.test(segment) ? { variable: segment.slice(1, -1) } : { literal: segment }));
  const template = segments.some((segment) => "variable" in segment);
  return { text, kind: prefix ? "prefix" : template ? "template" : "exact", segments };
}
