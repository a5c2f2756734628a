/**
 * Timeouts: which value holds for a route, and values that contradict each other. A route's own goes before its
 * upstream's, that before the one under defaults, that before the table in schema/defaults.ts.
 */
import { TIMEOUT_DEFAULTS_MS } from "../schema/defaults.ts";
import type { Draft } from "../schema/explain.ts";
import type { Timeouts } from "../schema/routes.ts";
import { parseDurationMs } from "../schema/units.ts";
import type { Path } from "../source.ts";
import { type AnalysisInput, routesOf } from "./input.ts";

type Key = keyof typeof TIMEOUT_DEFAULTS_MS;

/** A mapping `timeouts` and where it stands; the most specific first. */
export interface Layer {
  readonly path: Path;
  readonly timeouts: Draft<Timeouts> | undefined;
}

interface Chosen {
  readonly text: string;
  readonly ms: number;
  readonly path: Path;
}

export function checkTimeouts(input: AnalysisInput): void {
  const file = input.routesFile;
  for (const [index, route] of routesOf(input)) {
    const upstream = route.upstream === undefined ? undefined : ownUpstream(file?.upstreams, route.upstream);
    const layers: Layer[] = [
      { path: ["routes", index, "timeouts"], timeouts: route.timeouts },
      ...(route.upstream === undefined
        ? []
        : [
            {
              path: ["upstreams", route.upstream, "timeouts"],
              timeouts: upstream?.timeouts,
            },
          ]),
      { path: ["defaults", "timeouts"], timeouts: file?.defaults?.timeouts },
    ];
    const queue = choose(layers, "queue");
    // What stands under defaults is for other upstreams too.
    if (upstream?.connections?.max_waiting === 0 && queue !== undefined && queue.path[0] !== "defaults") {
      const place = input.routes.place(["upstreams", route.upstream!, "connections", "max_waiting"]);
      input.routes.error(
        "HW1404",
        queue.path,
        `no request waits, since max_waiting is 0, at ${place}; remove one of the two`,
      );
    }
    const request = choose(layers, "request");
    for (const key of ["connect", "queue", "response_header"] as const) {
      const part = choose(layers, key);
      if (part === undefined || request === undefined || part.ms <= request.ms) continue;
      // Of the two, the one nearer to the route is the later decision.
      const at = layerOf(layers, part) <= layerOf(layers, request) ? part : request;
      const other = at === part ? request : part;
      const relation =
        at === part
          ? `${key} (${part.text}) is longer than request`
          : `request (${request.text}) is shorter than ${key}`;
      const place = input.routes.place(other.path);
      input.routes.error("HW1404", at.path, `${relation} (${other.text}, at ${place}), so ${key} could never run out`);
    }
  }
}

function ownUpstream<T>(upstreams: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return upstreams !== undefined && Object.hasOwn(upstreams, name) ? upstreams[name] : undefined;
}

function choose(layers: readonly Layer[], key: Key): Chosen | undefined {
  for (const { path, timeouts } of layers) {
    const text = timeouts?.[key];
    if (text !== undefined) return { text, ms: parseDurationMs(text), path: [...path, key] };
  }
  return undefined;
}

function layerOf(layers: readonly Layer[], chosen: Chosen): number {
  return layers.findIndex(
    ({ path }) => path.length === chosen.path.length - 1 && path.every((part, i) => part === chosen.path[i]),
  );
}

/** All timeouts of a route in milliseconds, from its layers. */
export function resolveTimeouts(layers: readonly (Draft<Timeouts> | undefined)[]): Readonly<Record<Key, number>> {
  const found = layers.map((timeouts) => ({ path: [], timeouts }));
  const requestMs = choose(found, "request")?.ms ?? TIMEOUT_DEFAULTS_MS.request;
  const ms = (key: Key) => choose(found, key)?.ms ?? Math.min(TIMEOUT_DEFAULTS_MS[key], requestMs);
  return {
    connect: ms("connect"),
    queue: ms("queue"),
    response_header: ms("response_header"),
    request: requestMs,
    idle: ms("idle"),
  };
}
