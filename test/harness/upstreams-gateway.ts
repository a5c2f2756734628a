/**
 * The one gateway of the tests about upstreams: pools, pipelining, balancing, sockets, names and streams; a route for
 * each kind of upstream, packed once.
 */
import { join } from "node:path";
import { ports } from "./ports.ts";
import { runFolder } from "./run-folder.ts";

function at(...list: number[]): { endpoints: { url: string }[] } {
  return { endpoints: list.map((port) => ({ url: `http://127.0.0.1:${port}` })) };
}

const [first, second] = at(ports.origin, ports.secondOrigin).endpoints;

/** Nothing is there until a test listens. Below the kernel's 107 bytes for such a path. */
export const SOCKET_PATH = join(runFolder(), "origin.sock");
export const CONNECT_MS = 1000;
export const QUEUE_MS = 400;
/** Of the routes whose name starts with "quick". */
export const QUICK_MS = 400;
/** Of the route "stalled-four": long enough for an origin on a busy machine, and a body may rest for longer than that. */
export const STALLED_HEADER_MS = 1500;
export const STALLED_MS = 2000;

/** Of the route "rearmed": longer than a slow connection is left alone. */
export const REARMED_MS = 3500;

const stalled = { queue: "10s", response_header: `${STALLED_HEADER_MS}ms`, idle: `${STALLED_MS}ms` };
const quick = { response_header: `${QUICK_MS}ms`, idle: `${QUICK_MS}ms` };

export const UPSTREAMS = {
  version: 1,
  name: "edge",
  defaults: {
    timeouts: { connect: "1s", queue: "400ms", response_header: "20s", request: "120s", idle: "20s" },
    limits: { body: "1GiB" },
  },
  upstreams: {
    plain: { ...at(ports.origin), connections: { max: 512 } },
    four: { ...at(ports.origin), pipelining: 4, connections: { max: 1 } },
    fours: { ...at(ports.origin), pipelining: 4, connections: { max: 2 } },
    deep: { ...at(ports.origin), pipelining: 16, connections: { max: 4 } },
    pair: at(ports.origin, ports.secondOrigin),
    scarce: { ...at(ports.origin, ports.secondOrigin), connections: { max: 1, max_waiting: 16 } },
    weighted: { endpoints: [{ ...first, weight: 3 }, second] },
    least: { ...at(ports.origin, ports.secondOrigin), lb_policy: "least_request" },
    dead: at(ports.nobody, ports.otherDevice),
    narrow: { ...at(ports.origin), connections: { max: 1, max_waiting: 3 } },
    socket: { endpoints: [{ url: `unix:${SOCKET_PATH}` }] },
    named: { endpoints: [{ url: `http://localhost:${ports.origin}` }] },
    nameless: { endpoints: [{ url: "http://nowhere.invalid" }] },
    moving: { endpoints: [{ url: `http://origin.test:${ports.origin}` }] },
  },
  routes: [
    { name: "plain", match: { path: "/plain/*" }, upstream: "plain" },
    { name: "quick", match: { path: "/quick/*" }, upstream: "plain", timeouts: quick },
    { name: "rearmed", match: { path: "/rearmed/*" }, upstream: "plain", timeouts: { idle: `${REARMED_MS}ms` } },
    { name: "four", match: { path: "/four/*" }, upstream: "four", timeouts: { queue: "10s" } },
    { name: "stalled-four", match: { path: "/stalled-four/*" }, upstream: "four", timeouts: stalled },
    { name: "fours", match: { path: "/fours/*" }, upstream: "fours", timeouts: { queue: "10s" } },
    { name: "deep", match: { path: "/deep/*" }, upstream: "deep", timeouts: { queue: "10s" } },
    { name: "pair", match: { path: "/pair/*" }, upstream: "pair" },
    { name: "scarce", match: { path: "/scarce/*" }, upstream: "scarce", timeouts: { queue: "10s" } },
    { name: "weighted", match: { path: "/weighted/*" }, upstream: "weighted" },
    { name: "least", match: { path: "/least/*" }, upstream: "least" },
    { name: "dead", match: { path: "/dead/*" }, upstream: "dead" },
    { name: "narrow", match: { path: "/narrow/*" }, upstream: "narrow" },
    { name: "patient", match: { path: "/patient/*" }, upstream: "narrow", timeouts: { queue: "10s" } },
    { name: "socket", match: { path: "/socket/*" }, upstream: "socket" },
    { name: "named", match: { path: "/named/*" }, upstream: "named" },
    { name: "nameless", match: { path: "/nameless/*" }, upstream: "nameless" },
    { name: "moving", match: { path: "/moving/*" }, upstream: "moving" },
  ],
};
