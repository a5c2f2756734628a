/** access_log, on the device: one line for each request that is taken, written into the buffer of src/core/sink.ts. */
import { HAS_CREDENTIALS } from "#generated/constants.ts";
import { routeNames, routeUpstream, upstreams } from "#generated/tables.ts";
import { putBytes, putText } from "../../core/bytes.ts";
import { secretValues } from "../../core/credentials.ts";
import type { Exchange } from "../../core/exchange.ts";
import { INFO, priorityPrefix, putTime, WARNING } from "../../core/log.ts";
import { ABORTED, CUT } from "../../core/record.ts";
import { beginLine, endLine, lines, reserveLines } from "../../core/sink.ts";
import { hostName, isHost } from "../../core/target.ts";
import {
  BUFFER_BYTES,
  FIELD_BYTES,
  ID_BYTES,
  METHOD_BYTES,
  PATH_BYTES,
  QUERY_BYTES,
  REASON_BYTES,
} from "./runtime-limits.ts";
import { ERROR, NONE, Sampler, type Shares } from "./runtime-sampler.ts";
import { putDigits, putEscaped, putNumber, redact } from "./runtime-text.ts";

export interface Settings extends Shares {
  /** Sources of regular expressions whose group "kept" stays. */
  readonly secretInPath: string;
  readonly secretInQuery: string;
  /** Request fields to show, in lower case. */
  readonly fields: readonly string[];
  /** Of each route, where lines name it; else none. */
  readonly paths: readonly string[];
}

/** What is made of the settings at the start. */
interface Log {
  readonly sampler: Sampler;
  readonly lineBytesMax: number;
  readonly secretInPath: RegExp;
  readonly secretInQuery: RegExp;
  readonly fields: readonly { readonly label: Buffer; readonly inHead: string }[];
  /** What a line says of each route, and of each endpoint. */
  readonly routes: Labels;
  readonly endpoints: readonly Labels[];
  /** Begin a line, where all is well and where not. */
  readonly info: string;
  readonly warning: string;
}

let log: Log | null = null;

// ── Plain lines ────────────────────────────────────────────────────────────────────────────────────────────────────

export function startText(settings: Settings): void {
  start(settings, {
    field: (name) => ` ${name}="`,
    route: (name, upstream) => ` route=${name}${upstream === "" ? "" : ` upstream=${upstream}`}`,
    endpoint: (address) => ` endpoint=${address}`,
    info: priorityPrefix(INFO),
    warning: priorityPrefix(WARNING),
  });
}

/** `GET gw.local/v1/devices/7 200 55B 1.234ms route=device upstream=api endpoint=10.0.0.11:8080 client=10.0.0.7` */
export function logText(x: Exchange): void {
  const l = log;
  let at = l === null ? -1 : begin(l, x);
  if (l === null || at === -1) return;
  const r = x.record!;
  const out = lines;
  at = putEscaped(out, at, x.method, METHOD_BYTES, false);
  out[at++] = BLANK;
  if (isHost(x.host)) at = putText(out, at, x.host);
  else if (r.path === "") out[at++] = HYPHEN;
  at = putEscaped(out, at, redact(r.path, PATH_BYTES, l.secretInPath), PATH_BYTES, false);
  if (x.query !== "") {
    out[at++] = QUESTION_MARK;
    at = putEscaped(out, at, redact(x.query, QUERY_BYTES, l.secretInQuery), QUERY_BYTES, false);
  }
  out[at++] = BLANK;
  if (r.status === 0) out[at++] = HYPHEN;
  else at = putDigits(out, at, r.status, 3);
  out[at++] = BLANK;
  at = putNumber(out, at, r.responseBytes);
  at = putText(out, at, "B ");
  at = putMs(out, at, r.durationMs);
  if (r.upstreamMs > 0) at = putMs(out, putText(out, at, " upstream_time="), r.upstreamMs);
  if (x.bodyBytesReceived > 0) {
    at = putNumber(out, putText(out, at, " received="), x.bodyBytesReceived);
    out[at++] = LETTER_B;
  }
  at = putRoute(l, x, at);
  if (r.retries > 0) at = putNumber(out, putText(out, at, " retries="), r.retries);
  if (r.reason !== "") at = putEscaped(out, putText(out, at, " reason="), r.reason, REASON_BYTES, false);
  if (r.ended === ABORTED) at = putText(out, at, " ended=client_closed");
  else if (r.ended === CUT) at = putText(out, at, " ended=cut");
  if (r.client !== "") at = putText(out, putText(out, at, " client="), r.client);
  if (x.requestId !== "") at = putEscaped(out, putText(out, at, " request_id="), x.requestId, ID_BYTES, false);
  if (r.traceId !== "") at = putEscaped(out, putText(out, at, " trace_id="), r.traceId, ID_BYTES, false);
  at = putFields(l, x, at, "");
  out[at++] = LINE_FEED;
  finish(l, at);
}

// ── JSON lines ─────────────────────────────────────────────────────────────────────────────────────────────────────

export function startJson(settings: Settings): void {
  start(settings, {
    field: (name) => `,"http.request.header.${name}":["`,
    route: (name, upstream, path) =>
      `,"hardwire.route":"${name}","http.route":${JSON.stringify(path)}${upstream === "" ? "" : `,"hardwire.upstream":"${upstream}"`}`,
    endpoint: (address) => `,"hardwire.endpoint":${JSON.stringify(address)}`,
    info: `${priorityPrefix(INFO)}{"severity_text":"INFO","timestamp":"`,
    warning: `${priorityPrefix(WARNING)}{"severity_text":"WARN","timestamp":"`,
  });
}

/** Names as in OpenTelemetry's semantic conventions; what they have no name for is below "hardwire". */
export function logJson(x: Exchange): void {
  const l = log;
  let at = l === null ? -1 : begin(l, x);
  if (l === null || at === -1) return;
  const r = x.record!;
  const out = lines;
  at = putTime(out, at);
  at = putText(out, at, '","http.request.method":"');
  at = putEscaped(out, at, x.method, METHOD_BYTES, true);
  if (isHost(x.host)) at = putText(out, putText(out, at, '","server.address":"'), hostName(x.host));
  if (r.path !== "") {
    at = putText(out, at, '","url.path":"');
    at = putEscaped(out, at, redact(r.path, PATH_BYTES, l.secretInPath), PATH_BYTES, true);
  }
  if (x.query !== "") {
    at = putText(out, at, '","url.query":"');
    at = putEscaped(out, at, redact(x.query, QUERY_BYTES, l.secretInQuery), QUERY_BYTES, true);
  }
  if (r.client !== "") at = putText(out, putText(out, at, '","client.address":"'), r.client);
  if (r.reason !== "") at = putEscaped(out, putText(out, at, '","hardwire.reason":"'), r.reason, REASON_BYTES, true);
  if (r.ended === ABORTED) at = putText(out, at, '","hardwire.ended":"client_closed');
  else if (r.ended === CUT) at = putText(out, at, '","hardwire.ended":"cut');
  if (x.requestId !== "") {
    at = putEscaped(out, putText(out, at, '","hardwire.request_id":"'), x.requestId, ID_BYTES, true);
  }
  if (r.traceId !== "") at = putEscaped(out, putText(out, at, '","trace_id":"'), r.traceId, ID_BYTES, true);
  out[at++] = QUOTE;
  if (r.status !== 0) at = putDigits(out, putText(out, at, ',"http.response.status_code":'), r.status, 3);
  at = putNumber(out, putText(out, at, ',"http.response.body.size":'), r.responseBytes);
  if (x.bodyBytesReceived > 0) {
    at = putNumber(out, putText(out, at, ',"http.request.body.size":'), x.bodyBytesReceived);
  }
  at = putSeconds(out, putText(out, at, ',"http.server.request.duration":'), r.durationMs);
  if (r.upstreamMs > 0) at = putSeconds(out, putText(out, at, ',"hardwire.upstream.duration":'), r.upstreamMs);
  at = putRoute(l, x, at);
  if (r.retries > 0) at = putNumber(out, putText(out, at, ',"http.request.resend_count":'), r.retries);
  at = putFields(l, x, at, "]");
  at = putText(out, at, "}\n");
  finish(l, at);
}

// ── What both have ─────────────────────────────────────────────────────────────────────────────────────────────────

/** Where the line that is being written begins. */
let from = 0;

/** Begins the line of a request that is taken, and gives its next byte's place; -1 for one that is not. */
function begin(l: Log, x: Exchange): number {
  const kind = l.sampler.take(x.record!);
  if (kind === NONE) return -1;
  from = beginLine(l.lineBytesMax);
  return from === -1 ? -1 : putText(lines, from, kind === ERROR ? l.warning : l.info);
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BLANK = 0x20;
const QUOTE = 0x22;
const HEAD_END = "\r\n\r\n";
const HYPHEN = 0x2d;
const POINT = 0x2e;
const QUESTION_MARK = 0x3f;
const LETTER_B = 0x42;

/** How a format says what is the same for many lines. */
interface Format {
  readonly field: (name: string) => string;
  readonly route: (name: string, upstream: string, path: string) => string;
  readonly endpoint: (address: string) => string;
  readonly info: string;
  readonly warning: string;
}

function start(settings: Settings, format: Format): void {
  const { lineBytesMax, secretInPath, secretInQuery, fields, paths } = settings;
  reserveLines(BUFFER_BYTES);
  log = {
    sampler: new Sampler(settings),
    lineBytesMax,
    secretInPath: new RegExp(secretInPath, "gi"),
    secretInQuery: new RegExp(secretInQuery, "gi"),
    fields: fields.map((name) => ({
      label: Buffer.from(format.field(name)),
      inHead: `\r\n${name}: `,
    })),
    routes: new Labels(
      routeNames.map((name, i) => format.route(name, upstreams[routeUpstream[i]!]?.name ?? "", paths[i] ?? "")),
    ),
    endpoints: upstreams.map(
      ({ endpoints }) =>
        new Labels(
          endpoints.map(({ host, port, socketPath }) =>
            format.endpoint(
              socketPath === "" ? `${host.includes(":") ? `[${host}]` : host}:${port}` : `unix:${socketPath}`,
            ),
          ),
        ),
    ),
    info: format.info,
    warning: format.warning,
  };
}

/** Many short texts as one buffer. */
class Labels {
  private readonly bytes: Buffer;
  private readonly starts: Uint32Array;

  constructor(texts: readonly string[]) {
    const all = texts.map((text) => Buffer.from(text));
    this.bytes = Buffer.concat(all);
    this.starts = new Uint32Array(texts.length + 1);
    for (const [i, { length }] of all.entries()) this.starts[i + 1] = this.starts[i]! + length;
  }

  put(out: Buffer, at: number, index: number): number {
    const [start, end] = [this.starts[index]!, this.starts[index + 1]!];
    this.bytes.copy(out, at, start, end);
    return at + end - start;
  }
}

function putRoute(l: Log, x: Exchange, at: number): number {
  if (x.route < 0) return at;
  const end = l.routes.put(lines, at, x.route);
  const { endpoint } = x.record!;
  return endpoint === -1 ? end : l.endpoints[routeUpstream[x.route]!]!.put(lines, end, endpoint);
}

/** Fields as they went to the upstream: they are still in the buffer of the exchange. */
function putFields({ fields, secretInQuery }: Log, x: Exchange, at: number, close: string): number {
  if (fields.length === 0 || x.headEnd === 0) return at;
  const head = x.headBytes as Buffer;
  // A small body goes out behind it, in the same buffer. Where nothing goes out, the head has no end.
  const bodyStart = head.indexOf(HEAD_END);
  // A route's own fields are named as it says. Latin-1 keeps the offsets.
  const lowered = head.latin1Slice(0, bodyStart === -1 ? head.length : bodyStart).toLowerCase();
  let end = at;
  for (let i = 0; i < fields.length; i++) {
    const { label, inHead } = fields[i]!;
    const found = lowered.indexOf(inHead);
    if (found === -1) continue;
    const from = found + inHead.length;
    let value = head.toString("utf8", from, head.indexOf(CARRIAGE_RETURN, from));
    // A route may have put one there.
    if (HAS_CREDENTIALS) for (const secret of secretValues) value = value.replaceAll(secret, "REDACTED");
    end = putBytes(lines, end, label);
    end = putEscaped(lines, end, redact(value, FIELD_BYTES, secretInQuery), FIELD_BYTES, true);
    lines[end++] = QUOTE;
    end = putText(lines, end, close);
  }
  return end;
}

function putMs(out: Buffer, at: number, ms: number): number {
  const us = Math.round(ms * 1000);
  const whole = Math.floor(us / 1000);
  const end = putNumber(out, at, whole);
  out[end] = POINT;
  return putText(out, putDigits(out, end + 1, us - whole * 1000, 3), "ms");
}

function putSeconds(out: Buffer, at: number, ms: number): number {
  const us = Math.round(ms * 1000);
  const whole = Math.floor(us / 1_000_000);
  const end = putNumber(out, at, whole);
  out[end] = POINT;
  return putDigits(out, end + 1, us - whole * 1_000_000, 6);
}

function finish({ sampler }: Log, at: number): void {
  sampler.spend(at - from);
  endLine(at);
}
