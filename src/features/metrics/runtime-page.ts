/** The page: all metrics, in the order of the README's table, which a test compares with it. */
import { CONNECTIONS_MAX, EXCHANGES_MAX } from "#generated/constants.ts";
import { routeNames, upstreams } from "#generated/tables.ts";
import type { AdminAnswer, AdminRequest } from "../../core/admin.ts";
import { exchangesInFlight } from "../../core/exchange.ts";
import { codeOf, FIRST_REPLY, FORWARDS_SPENT, isUpstreams } from "../../core/fault.ts";
import { logLines } from "../../core/log-lines.ts";
import { openConnections } from "../../core/peer.ts";
import type { UpstreamPool } from "../../core/pool.ts";
import { pools } from "../../core/proxy.ts";
import { ATTEMPTS, CLASS, ENDED, errors, ofRoutes, ofUpstreams, RETRIES, ROW, refusals, SUM } from "./runtime-count.ts";
import { putProcess } from "./runtime-process.ts";
import { asksOpenMetrics, Metrics } from "./runtime-text.ts";

export interface PageData {
  /** The text's largest size. */
  readonly bytes: number;
  /** Of the histograms' buckets, in milliseconds. */
  readonly bounds: readonly number[];
}

const OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

export function page({ accept }: AdminRequest, data: PageData): AdminAnswer {
  const open = asksOpenMetrics(accept);
  return { status: "200 OK", contentType: open ? OPEN_METRICS : PROMETHEUS, body: textOf(data, open) };
}

let out: Buffer | undefined;

/** Good until the next call. */
export function textOf({ bytes, bounds }: PageData, open: boolean): Uint8Array {
  out ??= Buffer.allocUnsafeSlow(bytes);
  const m = new Metrics(out, open);
  putRequests(m, bounds);
  putUpstreams(m, bounds);
  putGateway(m);
  putProcess(m);
  return m.end();
}

/** By hundreds of the status. There is no final answer of 1xx. */
const CLASSES = ["none", "", "2xx", "3xx", "4xx", "5xx"];

function putRequests(m: Metrics, bounds: readonly number[]): void {
  m.metric("http_requests", "counter", "Requests by route and class of the answer's status.");
  eachRoute((route, at) => {
    for (const [i, code] of CLASSES.entries()) {
      if (code !== "") m.value(`${route},code="${code}"`, ofRoutes[at + CLASS + i]!);
    }
  });
  m.metric(
    "http_requests_unfinished",
    "counter",
    "Requests whose client did not get the whole answer, by who ended it.",
  );
  eachRoute((route, at) => {
    m.value(`${route},by="gateway"`, ofRoutes[at + ENDED + 1]!);
    m.value(`${route},by="client"`, ofRoutes[at + ENDED + 2]!);
  });
  m.metric("http_request_duration_seconds", "histogram", "From a request's head to its answer's end, by route.");
  eachRoute((route, at) => m.histogram(route, bounds, ofRoutes, at, at + SUM));
}

/** Calls `put` with each route's label, and with that of no route. */
function eachRoute(put: (label: string, at: number) => void): void {
  for (let i = 0; i <= routeNames.length; i++) put(`route="${routeNames[i] ?? "-"}"`, i * ROW);
}

function putUpstreams(m: Metrics, bounds: readonly number[]): void {
  const each = (put: (label: string, i: number, pool: UpstreamPool) => void): void => {
    for (const [i, { name }] of upstreams.entries()) put(`upstream="${name}"`, i, pools[i]!);
  };
  m.metric("upstream_errors", "counter", "Attempts that an upstream failed, by the error's code.");
  each((label, i) => {
    for (let number = 1; number < FIRST_REPLY; number++) {
      if (isUpstreams(number)) m.value(`${label},error="${codeOf(number)}"`, errors[i * FIRST_REPLY + number]!);
    }
  });
  m.metric("upstream_attempts", "counter", "Requests sent to an upstream, those sent again included.");
  each((label, i) => m.value(label, ofUpstreams[i * ROW + ATTEMPTS]!));
  m.metric("upstream_retries", "counter", "Requests sent to an upstream again.");
  each((label, i) => m.value(label, ofUpstreams[i * ROW + RETRIES]!));
  m.metric("upstream_response_seconds", "histogram", "From a request's head to that of the upstream's answer.");
  each((label, i) => m.histogram(label, bounds, ofUpstreams, i * ROW, i * ROW + SUM));
  m.metric("upstream_connections_opened", "counter", "Connections opened to an upstream, failed ones included.");
  each((label, _, pool) => m.value(label, sumOf(pool, "opened")));
  m.metric("upstream_connection_reuse_ratio", "gauge", "Attempts since the start that needed no new connection.");
  each((label, i, pool) => {
    const attempts = ofUpstreams[i * ROW + ATTEMPTS]!;
    // What is in flight has opened connections and is not counted yet.
    m.value(label, attempts === 0 ? 0 : Math.max(0, 1 - sumOf(pool, "opened") / attempts));
  });
  m.metric("upstream_connections", "gauge", "Connections to an upstream, by what they do.");
  each((label, _, pool) => {
    const idle = pool.endpoints.reduce((sum, endpoint) => sum + endpoint.idle.length, 0);
    m.value(`${label},state="busy"`, sumOf(pool, "open") - idle);
    m.value(`${label},state="idle"`, idle);
  });
  m.metric("upstream_connections_limit", "gauge", "Most connections to an upstream, to all its endpoints together.");
  each((label, _, { endpoints, upstream }) => m.value(label, endpoints.length * upstream.connectionsMax));
  m.metric("upstream_requests_waiting", "gauge", "Requests that wait for a connection to an upstream.");
  each((label, _, { waiting }) => m.value(label, waiting.length));
}

function sumOf({ endpoints }: UpstreamPool, what: "open" | "opened"): number {
  return endpoints.reduce((sum, endpoint) => sum + endpoint[what], 0);
}

function putGateway(m: Metrics): void {
  m.metric("gateway_rejected_requests", "counter", "Requests that the gateway refused itself, by the reason's code.");
  for (let number = 1; number < FORWARDS_SPENT; number++) {
    if (!isUpstreams(number)) m.value(`reason="${codeOf(number)}"`, refusals[number]!);
  }
  m.metric("gateway_requests_in_flight", "gauge", "Requests that are being served.");
  m.value("", exchangesInFlight());
  m.metric("gateway_requests_in_flight_limit", "gauge", "Most requests served at once; the next one is answered 503.");
  m.value("", EXCHANGES_MAX);
  m.metric("gateway_client_connections", "gauge", "Connections of clients, idle ones included.");
  m.value("", openConnections());
  m.metric("gateway_client_connections_limit", "gauge", "Most connections of clients; the next one is closed.");
  m.value("", CONNECTIONS_MAX);
  m.metric("gateway_log_lines", "counter", "Lines written to the access log.");
  m.value("", logLines.written);
  m.metric(
    "gateway_log_lines_dropped",
    "counter",
    "Lines of the access log that were lost, for want of room or of budget.",
  );
  m.value("", logLines.dropped);
}
