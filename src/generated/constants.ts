/**
 * Stand-in for the generated constants: everything on, so that editors, type checking and unit tests see every path.
 * A build puts literals in the place of these names (build/bundle.ts), so that whatever only a switched-off branch uses
 * is not in the program.
 */

/** Resolution of every timeout, derived at build from the shortest one. */
export const TICK_MS: number = 50;
/** Client connections; a further one is closed at once. */
export const CONNECTIONS_MAX: number = 4096;
/** Of one admin listener; a further one is closed at once. */
export const ADMIN_CONNECTIONS_MAX: number = 8;
/** Pooled exchanges: requests in flight at once; the next one is answered 503. */
export const EXCHANGES_MAX: number = 1024;
/** Request head as uWebSockets.js counts it; a longer one is answered 431 by uWebSockets.js. */
export const CLIENT_HEAD_BYTES_MAX: number = 4096;
/** Its path and query together, without the question mark; a longer one is answered 414. */
export const TARGET_BYTES_MAX: number = 2048;
/** Buffer for one request head on its way to the upstream: what the client sent plus the most that is added. */
export const REQUEST_HEAD_BYTES: number = 8192;
/** One read of an upstream. */
export const READ_BYTES: number = 131072;
/** Largest answer head accepted from an upstream. */
export const RESPONSE_HEAD_BYTES_MAX: number = 16384;
/** Most bytes that features add to an answer's head. */
export const RESPONSE_HEAD_ADDED_BYTES: number = 4096;
/** Body windows of 64 KiB and a head: bodies whose receiver is slower than their sender at the same time. */
export const WINDOWS_MAX: number = 256;
/** After SIGTERM, requests in flight get this long. */
export const DRAIN_MS: number = 20000;
/** Of a build on trial: until it serves, how long it is on trial, which part of its answers may fail, how fast 99 of 100 are. */
export const UPDATE_READY_MS: number = 10000;
export const UPDATE_PROBATION_MS: number = 60000;
export const UPDATE_ERROR_SHARE: number = 0.05;
/** 0 if that is not asked for. */
export const UPDATE_P99_MS: number = 500;
/** With fewer answers there is no judgement. */
export const UPDATE_REQUESTS_MIN: number = 100;
/** Of the budget: a machine or cgroup with less is refused; 0 if that is not asked. */
export const MEMORY_BYTES: number = 134217728;

/** Whether any route names hosts; without, the Host field is checked but does not select. */
export const HAS_HOSTS: boolean = true;
/** Whether the listener of a request makes a difference, and whether any route has conditions on fields or the query. */
export const HAS_LISTENERS: boolean = true;
export const HAS_FIELD_CONDITIONS: boolean = true;
export const HAS_QUERY_CONDITIONS: boolean = true;
/** Phases with at least one function; the others' calls fold away. */
export const HAS_ARRIVE: boolean = true;
export const HAS_REQUEST: boolean = true;
export const HAS_UPSTREAM_REQUEST: boolean = true;
export const HAS_RESPONSE_HEAD: boolean = true;
export const HAS_REFUSAL_HEAD: boolean = true;
export const HAS_UPSTREAM_ERROR: boolean = true;
export const HAS_DONE: boolean = true;
/** Whether features ask for request fields, and whether they tell listeners apart. */
export const TAKES_FIELDS: boolean = true;
export const TELLS_LISTENER: boolean = true;
/** Whether features have pages, and whether any does something as the program starts or stops. */
export const HAS_ADMIN: boolean = true;
export const STARTS_FEATURES: boolean = true;
export const STOPS_FEATURES: boolean = true;
/** Whether any route drops fields beyond what the core drops. */
export const DROPS_REQUEST_FIELDS: boolean = true;
export const DROPS_RESPONSE_FIELDS: boolean = true;
/** Whether any upstream takes several requests on a connection, and whether any balances by requests in flight. */
export const HAS_PIPELINING: boolean = true;
export const HAS_LEAST_REQUEST: boolean = true;
/** Whether any route has limits tighter than the device's. */
export const HAS_ROUTE_LIMITS: boolean = true;
/** Whether the routes file has tests, by which the executable can check itself. */
export const HAS_TESTS: boolean = true;
/** Whether the program reads credentials when it starts. */
export const HAS_CREDENTIALS: boolean = true;
/** Whether systemd starts the executable and is told how it fares, and whether it expects signs of life meanwhile. */
export const HAS_SERVICE: boolean = true;
export const HAS_WATCHDOG: boolean = true;
/** Whether the executable installs itself, takes over from another build, and hands over to one. */
export const HAS_UPDATE: boolean = true;
/** Whether any endpoint is a name that has to be resolved. */
export const HAS_NAMES: boolean = true;
