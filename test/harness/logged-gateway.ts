/** Gateways that log every request. */
import { hostTarget } from "./device.ts";
import { ports } from "./ports.ts";

export function routes(accessLog: object, others: object = {}): object {
  const at = (port: number) => ({ endpoints: [{ url: `http://127.0.0.1:${port}` }] });
  return {
    version: 1,
    name: "logged",
    upstreams: { api: at(ports.origin), dead: at(ports.nobody) },
    routes: [
      { name: "api", match: { path: "/api/*" }, upstream: "api", rewrite: { strip_prefix: "/api" } },
      { name: "dead", match: { path: "/dead/{id}" }, upstream: "dead" },
      { name: "ping", match: { path: "/ping" }, respond: { status: 200, body: "pong" } },
    ],
    observability: { access_log: accessLog, ...others },
  };
}

/** Options of access_log. */
export const ALL = { sample: { success: "100%" }, slow_after: "300ms", budget: "1024MiB/h" };
export const FIELDS = { request_headers: ["User-Agent", "Referer"], redact: ["ticket"] };

/** With everything else that observes, which shares modules with it. */
export const JSON_ROUTES = routes(
  { ...ALL, ...FIELDS, format: "json" },
  { metrics: {}, health: {}, request_id: {}, trace: { propagate: "w3c" } },
);
export const JSON_TARGET = hostTarget({
  listeners: {
    public: { address: `127.0.0.1:${ports.device}` },
    admin: { address: `127.0.0.1:${ports.admin}` },
  },
});
