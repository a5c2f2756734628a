/** hardwire as it is compared: a packed executable, built here with `hardwire build` from a generated pair of files. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Prepared, UPSTREAM_CONNECTIONS } from "./peers.ts";
import { PROXY_CORE, startPinned } from "./processes.ts";

const LAUNCH = join(import.meta.dirname, "..", "build", "launch.mjs");

export interface GatewayFiles {
  readonly routes: string;
  readonly target: string;
}

/** What is special about a gateway that is measured. */
export interface Setup {
  /** 1 for the one prefix that takes everything, else as many as `makeRoutes` gives. */
  readonly routeCount: number;
  /** Requests on one connection to the origin at once. */
  readonly pipelining: number;
  /** As in the routes file; with it, pages are on a port of their own. */
  readonly observability?: { readonly adminPort: number; readonly keys: object };
  /** Nobody reads its standard error, as if the journal had stopped. */
  readonly isUnread?: boolean;
  /** It answers /fixed itself, with as many bytes as the origin has at /small. */
  readonly hasFixed?: boolean;
}

export function writeGatewayFiles(
  dir: string,
  name: string,
  port: number,
  originPort: number,
  { routeCount, pipelining, observability, hasFixed = false }: Setup,
): GatewayFiles {
  const routes = join(dir, `${name}.routes.json`);
  const target = join(dir, `${name}.target.json`);
  const origin = {
    endpoints: [{ url: `http://127.0.0.1:${originPort}` }],
    connections: { max: UPSTREAM_CONNECTIONS, max_idle: UPSTREAM_CONNECTIONS },
    ...(pipelining > 1 ? { pipelining } : {}),
  };
  const made = routeCount === 1 ? [{ path: "/*" }] : makeRoutes(routeCount);
  const fixed = { name: "fixed", match: { path: "/fixed" }, respond: { status: 200, body: "x".repeat(55) } };
  writeFileSync(
    routes,
    JSON.stringify({
      version: 1,
      name,
      upstreams: { origin },
      ...(observability && { observability: observability.keys }),
      routes: [
        ...(hasFixed ? [fixed] : []),
        ...made.map(({ path }, i) => ({ name: `r${i}`, match: { path }, upstream: "origin" })),
      ],
    }),
  );
  writeFileSync(
    target,
    JSON.stringify({
      target: `linux-${process.arch}`,
      listeners: {
        public: { address: `127.0.0.1:${port}` },
        ...(observability && { admin: { address: `127.0.0.1:${observability.adminPort}` } }),
      },
      // Room for the program that matches 10,000 routes.
      size: { payload: "16MiB" },
    }),
  );
  return { routes, target };
}

export async function buildGateway(
  dir: string,
  name: string,
  port: number,
  originPort: number,
  setup: Setup,
): Promise<Prepared> {
  const { routes, target } = writeGatewayFiles(dir, name, port, originPort, setup);
  const out = join(dir, name);
  await promisify(execFile)(process.execPath, [LAUNCH, "build", routes, "--target", target, "--out", out]);
  return { port, start: (env) => startPinned(PROXY_CORE, out, [], env, setup.isUnread !== true) };
}

export interface MadeRoute {
  /** As in the routes file. */
  readonly path: string;
  /** A request path that this route takes. */
  readonly request: string;
}

/** An API as it grows: services, with an exact path, a template and a prefix in turn. The same every time. */
export function makeRoutes(count: number): MadeRoute[] {
  return Array.from({ length: count }, (_, i) => {
    const service = `/api/v1/service-${Math.floor(i / 3)}`;
    if (i % 3 === 0) return { path: `${service}/status`, request: `${service}/status` };
    if (i % 3 === 1) return { path: `${service}/devices/{id}`, request: `${service}/devices/4711` };
    return { path: `${service}/files/*`, request: `${service}/files/logs/today` };
  });
}

/** Paths to ask for: `count` of the routes, evenly spread. */
export function pickRequests(routes: readonly MadeRoute[], count: number): string[] {
  return Array.from({ length: count }, (_, i) => routes[Math.floor((i * routes.length) / count)]!.request);
}
