/**
 * llhttp as the reference parser: the one inside this Node.js, reached through `node:_http_common`, in its strict mode.
 *
 * It does not say where a message ends, so requests are read head by head: pretending an upgrade makes it stop there.
 */
import http from "node:_http_common";

const { HTTPParser } = http;
/** Larger than any head in the tests: limits are compared elsewhere. */
const HEAD_BYTES_MAX = 1 << 20;
const CHUNKED = Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");

export interface Head {
  readonly minor: number;
  /** As text for a request, "" for an answer. */
  readonly method: string;
  readonly url: string;
  /** 0 for a request. */
  readonly status: number;
  readonly reason: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly keepAlive: boolean;
}

export interface Read {
  /** Every head in order: interim answers, then the final one. */
  readonly heads: Head[];
  /** Of the last head. */
  readonly body: Buffer;
  /** Whether the message of the first head that is not interim was complete. */
  readonly complete: boolean;
  /** llhttp's error code, "" for none. It may stand behind the complete message. */
  readonly error: string;
}

/** One parser for all: it is reset each time. */
const parser = new HTTPParser();
let heads: Head[] = [];
let pending: string[] = [];
let body: Buffer[] = [];
let complete = false;
/** 0: read the body; 1: there is none; 2: stop behind the head. */
let afterHead = 0;

parser[HTTPParser.kOnHeaders] = (fields, url) => {
  pending.push(...fields);
  pendingUrl += url;
};
let pendingUrl = "";
parser[HTTPParser.kOnHeadersComplete] = (_major, minor, fields, method, url, status, reason, _upgrade, keepAlive) => {
  const flat = [...pending, ...(fields ?? [])];
  const pairs: [string, string][] = [];
  for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i]!, flat[i + 1]!]);
  if (!complete) {
    heads.push({
      minor,
      method: method === undefined ? "" : (http.methods[method] ?? ""),
      url: pendingUrl + (url ?? ""),
      status: status ?? 0,
      reason: reason ?? "",
      fields: pairs,
      keepAlive,
    });
  }
  pending = [];
  pendingUrl = "";
  return afterHead;
};
parser[HTTPParser.kOnBody] = (bytes) => {
  if (!complete) body.push(Buffer.from(bytes));
};
parser[HTTPParser.kOnMessageComplete] = () => {
  const last = heads.at(-1);
  if (last !== undefined && (last.status === 0 || last.status >= 200)) complete = true;
};

function start(kind: number, mode: number): void {
  heads = [];
  pending = [];
  pendingUrl = "";
  body = [];
  complete = false;
  afterHead = mode;
  parser.initialize(kind, {}, HEAD_BYTES_MAX, HTTPParser.kLenientNone);
}

function run(pieces: readonly Uint8Array[], ended: boolean): { error: string; bytesParsed: number } {
  let bytesParsed = 0;
  for (const piece of pieces) {
    const result = parser.execute(piece);
    if (typeof result !== "number") return { error: result.code, bytesParsed: bytesParsed + result.bytesParsed };
    bytesParsed += result;
  }
  return { error: (ended ? parser.finish()?.code : "") ?? "", bytesParsed };
}

/**
 * Reads the answer to one request: interim heads and the first final message; what follows it is not looked at.
 * @param ended whether the connection ends behind the bytes
 */
export function readAnswer(pieces: readonly Uint8Array[], isHead: boolean, ended: boolean): Read {
  start(HTTPParser.RESPONSE, isHead ? 1 : 0);
  const { error } = run(pieces, ended);
  return { heads, body: Buffer.concat(body), complete, error };
}

export interface ReadRequest extends Read {
  /** Behind the head, 0 if it is not complete. */
  readonly headBytes: number;
}

/** Reads one request head at the start of the bytes, without a body. */
export function readRequestHead(bytes: Uint8Array): ReadRequest {
  start(HTTPParser.REQUEST, 2);
  const { error, bytesParsed } = run([bytes], false);
  const done = error === "" && heads.length === 1;
  return { heads, body: Buffer.alloc(0), complete: done, error, headBytes: done ? bytesParsed : 0 };
}

/** Reads a chunked body, up to its last chunk and trailers. */
export function readChunks(bytes: Uint8Array): Read {
  return readAnswer([CHUNKED, bytes], false, false);
}
