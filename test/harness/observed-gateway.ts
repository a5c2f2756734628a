/** A gateway that is asked how it is, and that gives requests ids: two listeners, of which one's clients are trusted. */
import { ports } from "./ports.ts";

const at = (...list: number[]) => ({ endpoints: list.map((port) => ({ url: `http://127.0.0.1:${port}` })) });

export const OBSERVED = {
  version: 1,
  name: "observed",
  defaults: { timeouts: { connect: "300ms" }, response_headers: { set: { "X-Same": "{request.id}" } } },
  upstreams: {
    api: at(ports.origin),
    pair: at(ports.nobody, ports.secondOrigin),
    late: at(ports.nginx),
    hole: at(ports.blackHole),
  },
  routes: [
    { name: "api", match: { path: "/api/*" }, upstream: "api" },
    { name: "small", match: { path: "/small", methods: ["POST"] }, upstream: "api", limits: { body: "16B" } },
    { name: "pair", match: { path: "/pair/*" }, upstream: "pair" },
    { name: "late", match: { path: "/late/*" }, upstream: "late" },
    { name: "hole", match: { path: "/hole/*" }, upstream: "hole" },
    { name: "pong", match: { path: "/pong" }, respond: { status: 200, body: "pong\n" } },
    { name: "nothing", match: { path: "/nothing" }, respond: { status: 204 } },
  ],
  observability: {
    health: { listener: "ops" },
    request_id: { trust: ["lan"] },
    trace: { propagate: "w3c", trust: ["lan"] },
  },
} as const;

export const OBSERVED_LISTENERS = {
  public: { address: `127.0.0.1:${ports.device}` },
  lan: { address: `127.0.0.1:${ports.otherDevice}` },
  ops: { address: `127.0.0.1:${ports.admin}` },
} as const;
