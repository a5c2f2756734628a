/** The builds that take over from each other: one gateway, and what can be wrong with a new one. */
import { HOST_TARGET, pack } from "../harness/device.ts";

export const NAME = "swap";
export const PORT = 8080;
export const OTHER_PORT = 8081;
export const ORIGIN_PORT = 3001;
export const SLOW_PORT = 3002;
const NOBODY_PORT = 3003;
/** Of the slow origin's answers; the others come within some ms, or some hundred where the machine is busy. */
export const SLOW_MS = 1300;
const P99_MS = 1000;
const PROBATION_MS = 2000;
/** What a build can need that is for this device, and for a bigger one. */
export const BUDGET_BYTES = 160 << 20;

function routes(version: string, originPort: number): object {
  return {
    version: 1,
    name: NAME,
    defaults: { hosts: ["localhost"], timeouts: { request: "30s" } },
    upstreams: { api: { endpoints: [{ url: `http://127.0.0.1:${originPort}` }], connections: { max: 64 } } },
    routes: [
      { name: "all", match: { path: "/*" }, upstream: "api" },
      { name: "version", match: { path: "/version" }, respond: { status: 200, body: version } },
    ],
    tests: [{ request: "GET localhost/version", expect: { route: "version", status: 200 } }],
  };
}

const PUBLIC = { public: { address: `127.0.0.1:${PORT}` } };
const OTHER = { other: { address: `127.0.0.1:${OTHER_PORT}` } };

function target(inFlight: number, listeners: object = PUBLIC, more: object = {}): object {
  return {
    target: HOST_TARGET,
    listeners,
    limits: { in_flight: inFlight, connections: 4 * inFlight },
    timing: { drain: "5s" },
    update: {
      ready_within: "5s",
      probation: `${PROBATION_MS}ms`,
      p99: `${P99_MS}ms`,
      error_ratio: "5%",
      min_requests: 40,
    },
    ...more,
  };
}

const WATCHED = { service: { manager: "systemd", watchdog: "30s" } };

export const builds = {
  one: () => pack(routes("one", ORIGIN_PORT), target(64)),
  two: () => pack(routes("two", ORIGIN_PORT), target(64)),
  /** Its upstream is not there: 502. */
  failing: () => pack(routes("failing", NOBODY_PORT), target(64)),
  slow: () => pack(routes("slow", SLOW_PORT), target(64)),
  /** With a second listener, before the first. */
  wider: () => pack(routes("wider", ORIGIN_PORT), target(64, { ...OTHER, ...PUBLIC })),
  widerToo: () => pack(routes("wider too", ORIGIN_PORT), target(64, { ...OTHER, ...PUBLIC })),
  moved: () => pack(routes("moved", ORIGIN_PORT), target(64, OTHER)),
  watched: () => pack(routes("watched", ORIGIN_PORT), target(64, PUBLIC, WATCHED)),
  /** Has room for few connections. */
  watchedToo: () => pack(routes("watched too", ORIGIN_PORT), target(2, PUBLIC, WATCHED)),
  bigger: () => pack(routes("bigger", ORIGIN_PORT), target(4096)),
};
