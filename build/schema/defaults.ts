/** Every value that holds when neither file sets it: one table, with the reason beside each. */

/** Per route; an unset timeout never exceeds the route's `request`, so that setting that one alone is no contradiction. */
export const TIMEOUT_DEFAULTS_MS = {
  // A LAN answers in milliseconds; a lost SYN is repeated after 1 s and 3 s, and both repeats fit.
  connect: 5_000,
  // A pool that freed no connection for a second is stuck or far too small: 503 with Retry-After says so while the
  // client still listens. HAProxy falls back to its connect timeout, with which no lost SYN has to fit here.
  queue: 1_000,
  // What operators of proxies commonly set; HAProxy's own advice for `timeout server` is 30 s.
  response_header: 30_000,
  // The backstop: `idle` ends a stalled exchange long before. An hour lets 64 MB pass a link of 19 kB/s.
  request: 3_600_000,
  // nginx's proxy_read_timeout and proxy_send_timeout, which also count between two reads or writes.
  idle: 60_000,
} as const;

/** nginx's client_max_body_size. Uploads are a decision, not an accident. */
export const BODY_BYTES_MAX = 1 << 20;

/** Per endpoint. An eighth of EXCHANGES_MAX, so that one slow endpoint cannot hold every exchange. */
export const CONNECTIONS_MAX = 128;
/** Kept open while unused: all of them, since requests come in bursts and a kept connection saves three round trips. */
export const CONNECTIONS_IDLE_MAX = CONNECTIONS_MAX;
/** Below nginx's keepalive_timeout of 75 s, so that we close first; a server that closes sooner costs a reconnect. */
export const CONNECTIONS_IDLE_MS = 30_000;

/** Whoever waits holds an exchange: half of them, so that one slow upstream leaves the other half to the rest. */
export const WAITING_SHARE = 0.5;

/** Client connections for each request in flight: most kept-alive ones are idle at any moment, and an idle one is small. */
export const CONNECTIONS_PER_EXCHANGE = 4;

/** Requests in flight on one device; nginx's worker_connections (512) times two, an exchange being two connections there. */
export const EXCHANGES_MAX = 1024;
/**
 * A request's head. Cookies and tokens of real clients pass the 4 KiB of uWebSockets.js's own default; 8 KiB is what
 * nginx takes in one line. Every exchange has a buffer for it, so that with EXCHANGES_MAX each KiB is 1 MiB of the
 * worst case.
 */
export const CLIENT_HEAD_BYTES_MAX = 8192;
/**
 * Of the head, for path and query: the other half is left for the fields that come with every request. RFC 9112 3
 * recommends 8000 bytes for the request line; who needs them sets both limits.
 */
export const TARGET_SHARE = 0.5;
/** Answers carry cookies and policies: four times the request's. */
export const RESPONSE_HEAD_BYTES_MAX = 16_384;
/** Below the 30 s that service managers commonly grant before SIGKILL. */
export const DRAIN_MS = 20_000;
/** Debian 12, Raspberry Pi OS bookworm. */
export const GLIBC_FLOOR = "2.36";
/** Program and constants, without runtime and addon; some thousand routes. */
export const PAYLOAD_BYTES_MAX = 512 << 10;

/** Connections to one admin listener: a scraper, a prober, and an engineer. */
export const ADMIN_CONNECTIONS_MAX = 8;

/** Of a build on trial, until it serves: 30 times what a start takes on a small board, tests included. */
export const READY_MS = 10_000;
/** Most of what a bad build does wrong shows at once; a minute also has the requests that come now and then. */
export const PROBATION_MS = 60_000;
/** Some upstream always fails a little. */
export const ERROR_SHARE_MAX = 0.05;
/** Of fewer no 99th percentile can be told. */
export const PROBATION_REQUESTS_MIN = 100;
