/** The gateway that metrics are tested with: a way to every end that a request can come to. */
import { hostTarget, ports } from "../../../../test/harness.ts";

/** Of requests at once, and those that may wait for the one connection of `narrow`. */
export const IN_FLIGHT = 8;
export const BUCKETS_MS = [5, 50, 500];

function at(...list: number[]): { endpoints: { url: string }[] } {
  return { endpoints: list.map((port) => ({ url: `http://127.0.0.1:${port}` })) };
}

export const ROUTES = {
  version: 1,
  name: "counted",
  upstreams: {
    api: at(ports.origin),
    half: at(ports.nobody, ports.origin),
    dead: at(ports.nobody),
    piped: { ...at(ports.origin), pipelining: 4 },
    narrow: { ...at(ports.origin), connections: { max: 1, max_waiting: 1 } },
  },
  observability: { metrics: { buckets: BUCKETS_MS.map((ms) => `${ms}ms`) } },
  routes: [
    { name: "api", match: { path: "/api/*" }, upstream: "api" },
    { name: "small", match: { path: "/small", methods: ["POST"] }, upstream: "api", limits: { body: "16B" } },
    { name: "half", match: { path: "/half/*" }, upstream: "half" },
    { name: "dead", match: { path: "/dead" }, upstream: "dead" },
    { name: "piped", match: { path: "/piped/*" }, upstream: "piped" },
    { name: "narrow", match: { path: "/narrow/*" }, upstream: "narrow" },
    { name: "quick", match: { path: "/quick/*" }, upstream: "api", timeouts: { response_header: "200ms" } },
    { name: "ping", match: { path: "/ping" }, respond: { status: 200, body: "pong" } },
  ],
} as const;

export const TARGET = hostTarget({
  listeners: { public: { address: `127.0.0.1:${ports.device}` }, admin: { address: `127.0.0.1:${ports.admin}` } },
  limits: { in_flight: IN_FLIGHT },
});
