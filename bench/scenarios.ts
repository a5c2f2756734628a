/** What is measured: the loads, and which programs take them. */
import { makeRoutes, pickRequests } from "./gateway.ts";
import type { Load } from "./load.ts";

export const PEERS = ["nginx", "haproxy", "hardwire"] as const;
export const FEW_ROUTES = 10;
export const MANY_ROUTES = 10_000;
/** hardwire with several requests on one connection to the origin, which no other proxy here can do. */
export const PIPELINED = "hardwire-pipelined";
export const PIPELINING = 16;
/** Requests in turn, spread over the routes there are: as many for few as for many, so that wrk does the same work. */
const REQUESTS_IN_TURN = 1000;

export interface Scenario {
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** Names of programs, each with the load it gets: the same one but for the paths. */
  readonly loads: Readonly<Record<string, Load>>;
  /** The ratios that are told: first to second. */
  readonly ratios: readonly (readonly [string, string])[];
}

function comparePeers(name: string, title: string, path: string, connections: number, bodyBytes = 0): Scenario {
  const load: Load = { method: bodyBytes > 0 ? "POST" : "GET", paths: [path], connections, bodyBytes };
  return {
    name,
    title,
    loads: Object.fromEntries(PEERS.map((peer) => [peer, load])),
    ratios: [
      ["hardwire", "nginx"],
      ["hardwire", "haproxy"],
      ["haproxy", "nginx"],
    ],
  };
}

const smallGet: Load = { method: "GET", paths: ["/small"], connections: 64, bodyBytes: 0 };

const routesLoad = (count: number): Load => ({
  method: "GET",
  paths: pickRequests(makeRoutes(count), REQUESTS_IN_TURN),
  connections: 64,
  bodyBytes: 0,
});

/** In order; the first is the one that memory is read after. */
export const SCENARIOS: readonly Scenario[] = [
  comparePeers("get-64", "GET 55 B, 64 connections", "/small", 64),
  {
    name: "get-64-pipelined",
    title: `GET 55 B, pipelining: ${PIPELINING}`,
    loads: { nginx: smallGet, haproxy: smallGet, [PIPELINED]: smallGet },
    ratios: [
      [PIPELINED, "nginx"],
      [PIPELINED, "haproxy"],
      ["haproxy", "nginx"],
    ],
  },
  comparePeers("get-1", "GET 55 B, 1 connection", "/small", 1),
  comparePeers("get-512", "GET 55 B, 512 connections", "/small", 512),
  comparePeers("get-16k", "GET 16 KB, 64 connections", "/16k", 64),
  comparePeers("get-1m", "GET 1 MB, 16 connections", "/1m", 16),
  comparePeers("post-10k", "POST 10 KB, 64 connections", "/small", 64, 10 << 10),
  {
    name: "routes",
    title: `${MANY_ROUTES} routes against ${FEW_ROUTES}`,
    loads: { "hardwire-few": routesLoad(FEW_ROUTES), "hardwire-many": routesLoad(MANY_ROUTES) },
    ratios: [["hardwire-many", "hardwire-few"]],
  },
];

export const QUICK = ["get-64", "get-64-pipelined", "get-16k", "get-1m", "post-10k"];
