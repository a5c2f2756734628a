/**
 * The request writer: whatever fields a client sends, what is written reads, for llhttp, as exactly the fields that are
 * to be kept and our own, with one Host, one framing, and no byte that does not belong.
 */

import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BODY_CHUNKED, BODY_LENGTH, Exchange } from "../../src/core/exchange.ts";
import { finishHead, readFields } from "../../src/core/h1-write.ts";
import { REQUEST_HEAD_BYTES } from "../../src/generated/constants.ts";
import { readRequestHead } from "./llhttp.ts";
import { SEED } from "./seed.ts";

const PEER = Buffer.from("127.0.0.9");
const RES = { getRemoteAddressAsText: () => PEER } as unknown as HttpResponse;
const HANDLERS = { onAborted: () => {}, onData: () => {}, onWritable: () => true };
/** Never forwarded (RFC 9110 7.6.1), or replaced by our own. */
const DROPPED = new Set([
  "te",
  "expect",
  "upgrade",
  "trailer",
  "forwarded",
  "x-real-ip",
  "connection",
  "keep-alive",
  "content-length",
  "proxy-connection",
  "transfer-encoding",
  "proxy-authorization",
]);

const name = fc.oneof(
  fc.constantFrom(
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "x-hop",
    "x-a",
    "x-forwarded-for",
    "via",
    "cookie",
    ...DROPPED,
  ),
  fc.stringMatching(/^[!#$%&'*+.^_`|~0-9a-z-]{1,20}$/),
);
/** As uWebSockets.js gives them: trimmed, UTF-8 decoded, no control byte but DEL and the tab. */
const value = fc
  .oneof(
    fc.constantFrom(
      "localhost",
      "chunked",
      "Chunked",
      "5",
      "0",
      "5, 5",
      "+5",
      "close",
      "keep-alive",
      "x-hop",
      "X-Hop, x-a",
      "host",
      "@",
      "100-continue",
      "[::1]:80",
      "a b",
    ),
    fc.stringMatching(/^[\t -~\x7f-\xff\u0394\u20ac\ufffd]{0,30}$/),
  )
  .map((text) => text.trim());
const fields = fc
  .tuple(
    fc.constantFrom<[string, string][]>([["host", "localhost"]], [["host", "a:80"]], []),
    fc.array(fc.tuple(name, value), { maxLength: 8 }),
    fc.nat(),
  )
  .map(([host, others, at]): [string, string][] => [...others.slice(0, at % 9), ...host, ...others.slice(at % 9)]);
const method = fc.constantFrom("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS");

function makeExchange(text: string): Exchange {
  const x = new Exchange(0, Buffer.alloc(REQUEST_HEAD_BYTES), HANDLERS);
  x.method = text;
  x.path = "/p%20q";
  x.hasQuery = true;
  x.query = "a=b";
  x.res = RES;
  return x;
}

function requestOf(list: readonly (readonly [string, string])[]): HttpRequest {
  const forEach = (each: (name: string, value: string) => void): void => {
    for (const [key, text] of list) each(key, text);
  };
  return { forEach } as unknown as HttpRequest;
}

test("what is written reads as the kept fields, one Host, one framing", () => {
  let written = 0;
  fc.assert(
    fc.property(method, fields, (text, list) => {
      const x = makeExchange(text);
      if (readFields(x, requestOf(list)) !== 0 || finishHead(x) !== 0) return;
      written += 1;
      const bytes = x.head.subarray(x.headStart, x.headEnd);
      const read = readRequestHead(bytes);
      assert.equal(read.error, "");
      assert.equal(read.headBytes, bytes.length, "one head and nothing behind it");
      assert.doesNotMatch(bytes.toString("latin1").replaceAll("\r\n", ""), /[\x00-\x08\x0a-\x1f\x7f]/);
      const [head] = read.heads;
      assert.equal(head!.method, text);
      assert.equal(head!.url, "/p%20q?a=b");

      const all = head!.fields.map(([key, field]): [string, string] => [key.toLowerCase(), field]);
      const framing = all.filter(([key]) => key === "content-length" || key === "transfer-encoding");
      assert.deepEqual(framing, expectedFraming(x));
      assert.equal(all.filter(([key]) => key === "host").length, 1);
      const own = all.length - framing.length - 5;
      assert.deepEqual(all.slice(own, own + 5), [
        ["x-forwarded-for", "127.0.0.9"],
        ["x-real-ip", "127.0.0.9"],
        ["x-forwarded-proto", "http"],
        ["via", "1.1 standin"],
        ["x-forwarded-host", list.find(([key]) => key === "host")![1]],
      ]);
      assert.deepEqual(all.slice(0, own), keptOf(list));
    }),
    { seed: SEED, numRuns: 20_000 },
  );
  assert.ok(written > 2000, `${written} requests were written`);
});

function expectedFraming(x: Exchange): [string, string][] {
  if (x.bodyKind === BODY_CHUNKED) return [["transfer-encoding", "chunked"]];
  if (x.bodyKind === BODY_LENGTH) return [["content-length", String(x.bodyBytesAnnounced)]];
  return /^(?:POST|PUT|PATCH)$/.test(x.method) ? [["content-length", "0"]] : [];
}

/** The client's fields that go further, as Latin-1 of their UTF-8 bytes. */
function keptOf(list: readonly (readonly [string, string])[]): [string, string][] {
  const named = list
    .filter(([key]) => key === "connection")
    .flatMap(([, text]) => text.split(",").map((option) => option.trim().toLowerCase()));
  return list
    .filter(([key]) => !DROPPED.has(key) && !key.startsWith("x-forwarded-") && !named.includes(key))
    .map(([key, text]) => [key, Buffer.from(text).toString("latin1")]);
}

test("what two servers could read differently is refused", () => {
  const bad = fc.constantFrom<[string, string][]>(
    [
      ["content-length", "5"],
      ["content-length", "5"],
    ],
    [
      ["content-length", "5"],
      ["content-length", "6"],
    ],
    [
      ["content-length", "5"],
      ["transfer-encoding", "chunked"],
    ],
    [
      ["transfer-encoding", "chunked"],
      ["transfer-encoding", "chunked"],
    ],
    [["transfer-encoding", "gzip, chunked"]],
    [["content-length", "+5"]],
    [["host", "other"]],
    [["connection", "host"]],
    [["connection", "close, x-forwarded-for"]],
    [["connection", "authorization"]],
    [["x-a", "a\x7fb"]],
    [["x-a", "a\ufffdb"]],
  );
  fc.assert(
    fc.property(
      method,
      bad,
      fc.array(fc.tuple(fc.stringMatching(/^x-[a-z]{1,8}$/), fc.constant("v"))),
      fc.nat(),
      (text, both, others, at) => {
        const list: [string, string][] = [["host", "localhost"], ...others];
        for (const pair of both) list.splice(at % (list.length + 1), 0, pair);
        assert.notEqual(readFields(makeExchange(text), requestOf(list)), 0);
      },
    ),
    { seed: SEED, numRuns: 2000 },
  );
});
