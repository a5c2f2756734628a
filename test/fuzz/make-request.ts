/**
 * Requests by grammar: clean ones, which must be answered; odd ones, with one or two things in them that another
 * server could read differently; and mutated ones.
 */
import { mutate } from "./mutate.ts";
import { Random } from "./random.ts";

export const CLEAN = 0;
export const ODD = 1;
export const MUTATED = 2;

export interface MadeRequest {
  readonly bytes: Buffer;
  readonly kind: number;
}

interface Draft {
  method: string;
  target: string;
  version: string;
  fields: string[];
  body: string;
  eol: string;
}

type Oddity = (random: Random, draft: Draft) => void;

export function makeRequest(seed: number, number: number): MadeRequest {
  const random = new Random(seed, 1, number);
  const roll = random.next();
  const draft = makeClean(random, `t${number.toString(36)}`);
  if (roll < 0.45) return { bytes: render(draft), kind: CLEAN };
  if (roll < 0.75) {
    const count = random.chance(0.8) ? 1 : 2;
    for (let i = 0; i < count; i++) random.pick(ODDITIES)(random, draft);
    return { bytes: render(draft), kind: ODD };
  }
  if (random.chance(0.3)) random.pick(ODDITIES)(random, draft);
  return { bytes: mutate(random, render(draft)), kind: MUTATED };
}

function render(draft: Draft): Buffer {
  const { method, target, version, fields, body, eol } = draft;
  return Buffer.from(`${method} ${target} ${version}${eol}${fields.join(eol)}${eol}${eol}${body}`, "latin1");
}

const METHODS = [
  "GET",
  "GET",
  "GET",
  "GET",
  "GET",
  "HEAD",
  "POST",
  "POST",
  "PUT",
  "DELETE",
  "OPTIONS",
  "PATCH",
] as const;
const ORDINARY = [
  "Accept: */*",
  "Accept-Encoding: gzip, br",
  "User-Agent: fuzz/1 (a; b)",
  "Cookie: a=b; c=d",
  "Authorization: Bearer abc.def",
  "X-Forwarded-For: 6.6.6.6",
  "x-forwarded-host: evil",
  "Forwarded: for=6.6.6.6",
  "Via: 1.0 other",
  "Connection: keep-alive",
  "Connection: X-Hop, keep-alive\r\nX-Hop: must-not-pass",
  "TE: trailers",
  "Upgrade: h2c",
  "Keep-Alive: timeout=5",
  "X-Empty:",
  "X-Blanks: \t a  b \t",
  "X-Utf8: \xc3\xa4 \xe2\x82\xac.",
] as const;

function makeClean(random: Random, token: string): Draft {
  const method = random.pick(METHODS);
  const route = random.pick(["fuzz", "fuzz", "fuzz", "fuzz", "deep", "narrow"]);
  const tail = random.pick(["", "", "/a/b", "/%41%2e%7e%20", "/a.b/..c", "?x=1", "?", "?a=/../b&%zz"]);
  const fields = ["Host: localhost"];
  for (let i = random.below(4); i > 0; i--) fields.splice(random.below(fields.length + 1), 0, random.pick(ORDINARY));
  const draft: Draft = {
    method,
    target: `/${route}/${token}${tail}`,
    version: "HTTP/1.1",
    fields,
    body: "",
    eol: "\r\n",
  };
  const takesBody = method === "POST" || method === "PUT" || method === "PATCH" || random.chance(0.05);
  if (takesBody) frame(random, draft, makePayload(random, token));
  return draft;
}

/** Sometimes a whole request, which nobody must take for one. */
function makePayload(random: Random, token: string): string {
  const roll = random.next();
  if (roll < 0.1) return "";
  if (roll < 0.4) return `GET /fuzz/smuggled-${token} HTTP/1.1\r\nHost: smuggled\r\n\r\n`;
  if (roll < 0.42) return `${token};`.repeat(3000);
  return `${token};`.repeat(1 + random.below(100));
}

function frame(random: Random, draft: Draft, payload: string): void {
  if (random.chance(0.6)) {
    draft.fields.push(`Content-Length: ${payload.length}`);
    draft.body = payload;
    if (random.chance(0.05)) draft.fields.push("Expect: 100-continue");
    return;
  }
  draft.fields.push("Transfer-Encoding: chunked");
  let left = payload;
  draft.body = "";
  while (left !== "") {
    const bytes = random.chance(0.5) ? left.length : 1 + random.below(left.length);
    draft.body += `${bytes.toString(16)}\r\n${left.slice(0, bytes)}\r\n`;
    left = left.slice(bytes);
  }
  draft.body += "0\r\n\r\n";
}

const BAD_TARGETS = [
  "/fuzz/T/../x",
  "/fuzz/T/./x",
  "/fuzz/T/%2e%2e/x",
  "/fuzz/T/.%2E",
  "/fuzz//T",
  "/fuzz/T/..;a/b",
  "/fuzz/T%2fx",
  "/fuzz/T%5cx",
  "/fuzz/T%00",
  "/fuzz/T%0d%0aX:y",
  "/fuzz/T%zz",
  "/fuzz/T\\x",
  "/fuzz/T#x",
  "/fuzz/T x",
  '/fuzz/T"<>',
  "/fuzz/T\xe4",
  "/fuzz/T?\xe4",
  "/fuzz/T?a\tb",
  "http://localhost/fuzz/T",
  "//localhost/fuzz/T",
  "localhost:80",
  "*",
  "",
  "fuzz/T",
  "/nowhere/T",
  `/fuzz/T/${"long/".repeat(900)}`,
] as const;
const ODD_FIELDS = [
  "Host: other",
  "Host: localhost",
  "Host:",
  "Host: a b",
  "Host: localhost:99999999",
  "Connection: close",
  "Connection: Host",
  "Connection: Content-Length",
  "Connection: Transfer-Encoding",
  "Connection: X-Forwarded-For",
  "Connection: close, X-Real-IP",
  "Connection: authorization",
  "Connection: @",
  "Connection: ,,,",
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13",
  "Proxy-Connection: keep-alive",
  "Expect: 100-continue",
  "Expect: other",
  "Trailer: X",
  "Max-Forwards: 0",
  "Content-Length: 5",
  "Content-Length: 0",
  "Content-Length: 00",
  "Content-Length: +5",
  "Content-Length: -1",
  "Content-Length: 0x5",
  "Content-Length: 5, 5",
  "Content-Length: 5 5",
  "Content-Length:",
  "Content-Length: 99999999999999999999",
  "Content-Length : 5",
  "Content-Length\t: 5",
  " Content-Length: 5",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: Chunked",
  "Transfer-Encoding: gzip, chunked",
  "Transfer-Encoding: chunked, identity",
  "Transfer-Encoding: identity",
  "Transfer-Encoding: xchunked",
  "Transfer-Encoding: chunked;a=b",
  "Transfer-Encoding:\x0bchunked",
  "Transfer-Encoding: \xa0chunked",
  "Transfer-Encoding:",
  "Transfer-Encoding : chunked",
  "Transfer_Encoding: chunked",
  "X-Fold: a\r\n b",
  "X-Fold: a\r\n\tTransfer-Encoding: chunked",
  "X-Bare: a\rb",
  "X-Bare: a\nTransfer-Encoding: chunked",
  "X-Nul: a\0b",
  "X-Del: a\x7fb",
  "X-High: \xff\xfe",
  "X Name: a",
  ": a",
  "X-No-Colon",
  "X(Bad): a",
  "X-\xe4: a",
] as const;
const BAD_CHUNKS = [
  "5;a\r\nhello\r\n0\r\n\r\n",
  "5;a=b\r\nhello\r\n0\r\n\r\n",
  '5;a="\r\n"\r\nhello\r\n0\r\n\r\n',
  "5 \r\nhello\r\n0\r\n\r\n",
  " 5\r\nhello\r\n0\r\n\r\n",
  "0x5\r\nhello\r\n0\r\n\r\n",
  "+5\r\nhello\r\n0\r\n\r\n",
  "-5\r\nhello\r\n0\r\n\r\n",
  "5\nhello\n0\n\n",
  "5\r\nhelloXX0\r\n\r\n",
  "5\r\nhello0\r\n\r\n",
  "5\r\nhello\r\n\r\n\r\n",
  "\r\nhello\r\n0\r\n\r\n",
  "G\r\nhello\r\n0\r\n\r\n",
  "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
  "100000000\r\nhello\r\n0\r\n\r\n",
  "5\r\nhello\r\n0\r\nX-Trailer: a\r\n\r\n",
  "5\r\nhello\r\n0\r\nContent-Length: 5\r\nHost: b\r\n\r\n",
  "5\r\nhello\r\n0;a\r\n\r\n",
  "5\r\nhello\r\n00000\r\n\r\n",
  "5\r\nhello\r\n0\r\nX\r\n\r\n",
  "5\r\nhello\r\n0\r\n",
  "5\r\nhello\r\n0\r\n\r\nGET /fuzz/smuggled-T HTTP/1.1\r\nHost: a\r\n\r\n",
] as const;

const ODDITIES: readonly Oddity[] = [
  (random, draft) => {
    draft.method = random.pick([
      "get",
      "GeT",
      "PURGE",
      "CONNECT",
      "TRACE",
      "G@T",
      "",
      "FOO",
      "PRI",
      "M-SEARCH",
      "X".repeat(40),
    ]);
  },
  badTarget,
  badTarget,
  (random, draft) => {
    draft.version = random.pick([
      "HTTP/1.0",
      "HTTP/0.9",
      "HTTP/2.0",
      "HTTP/1.2",
      "http/1.1",
      "HTTP/1.1 ",
      "HTTP/11",
      "",
      "HTTP/1.1x",
    ]);
  },
  (random, draft) => {
    draft.eol = random.pick(["\n", "\r", "\r\r\n", " \r\n"]);
  },
  (random, draft) => {
    const without = random.below(draft.fields.length);
    draft.fields.splice(without, 1);
  },
  (random, draft) => {
    draft.method = `${random.pick(["\r\n", "\r\n\r\n", "\n", " ", "\0"])}${draft.method}`;
  },
  (random, draft) => {
    for (let i = random.pick([40, 99, 100, 101, 300]); i > 0; i--) draft.fields.push(`X-${i}: ${i}`);
  },
  (random, draft) => {
    draft.fields.push(`X-Long: ${"l".repeat(random.pick([1000, 3000, 4000, 5000, 9000]))}`);
  },
  (random, draft) => {
    draft.fields.push(
      `Connection: ${Array.from({ length: random.pick([3, 16, 17, 60]) }, (_, i) => `X-N${i}`).join(",")}`,
    );
    draft.fields.push("X-N0: must-not-pass");
  },
  badField,
  badField,
  badField,
  badField,
  badChunks,
  badChunks,
  (random, draft) => {
    draft.fields = draft.fields.filter((line) => !/^(?:content-length|transfer-encoding)/i.test(line));
    const { length } = draft.body;
    const says = random.pick([length - 1, length + 1, length + 50, 0, 70_000, 200_000]);
    draft.fields.push(`Content-Length: ${Math.max(says, 0)}`);
  },
];

function badTarget(random: Random, draft: Draft): void {
  const token = draft.target.split(/[/?]/)[2] ?? "";
  draft.target = random.pick(BAD_TARGETS).replace("T", token);
}

function badField(random: Random, draft: Draft): void {
  draft.fields.splice(random.below(draft.fields.length + 1), 0, random.pick(ODD_FIELDS));
}

function badChunks(random: Random, draft: Draft): void {
  draft.fields = draft.fields.filter((line) => !/^(?:content-length|transfer-encoding)/i.test(line));
  draft.fields.push("Transfer-Encoding: chunked");
  if (draft.method === "GET") draft.method = "POST";
  draft.body = random.pick(BAD_CHUNKS).replace("T", draft.target.split("/")[2] ?? "");
}
