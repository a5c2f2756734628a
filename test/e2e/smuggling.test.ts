/** Request framing that two servers could read differently: the origin never sees a request that nobody sent. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Client, device, GATEWAY, get, head, ok, origin, ports } from "../harness.ts";

const upstream = await origin(ports.origin);
await device(GATEWAY);

const HIDDEN = get("/api/hidden");

/** Long enough for a request to have reached the origin. */
const SETTLE_MS = 20;

/** Sends the pieces, each when the one before has had its effect, until the connection ends; what came back. */
async function exchange(...pieces: string[]): Promise<string> {
  upstream.script((_, connection) => connection.send(ok("seen")));
  const client = await Client.open(ports.device);
  const ended = client.ended();
  for (const piece of pieces) {
    client.send(piece);
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, SETTLE_MS))]);
  }
  client.socket.end();
  const { rest } = await ended;
  client.close();
  return rest.toString("latin1");
}

function targets(): string[] {
  return upstream.requests.map(({ method, target }) => `${method} ${target}`);
}

/** Field lines under which a body of 5 bytes, or of none, may be read as something else. */
const REFUSED: readonly (readonly [what: string, ...fields: string[]])[] = [
  ["differing Content-Length", "Content-Length: 5", "Content-Length: 0"],
  ["equal Content-Length twice", "Content-Length: 5", "Content-Length: 5"],
  ["Content-Length as a list", "Content-Length: 5, 5"],
  ["Content-Length with a plus", "Content-Length: +5"],
  ["Content-Length in hex", "Content-Length: 0x5"],
  ["a negative Content-Length", "Content-Length: -5"],
  ["an empty Content-Length", "Content-Length:"],
  ["an enormous Content-Length", "Content-Length: 99999999999999999999999"],
  ["Content-Length past 2^64", "Content-Length: 18446744073709551621"],
  ["Content-Length with a blank before the colon", "Content-Length : 5"],
  ["Content-Length and Transfer-Encoding", "Content-Length: 5", "Transfer-Encoding: chunked"],
  ["Transfer-Encoding and Content-Length", "Transfer-Encoding: chunked", "Content-Length: 5"],
  ["Transfer-Encoding twice", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
  ["Transfer-Encoding twice, one unknown", "Transfer-Encoding: identity", "Transfer-Encoding: chunked"],
  ["Transfer-Encoding: identity", "Transfer-Encoding: identity"],
  ["Transfer-Encoding: xchunked", "Transfer-Encoding: xchunked"],
  ["Transfer-Encoding: chunked, identity", "Transfer-Encoding: chunked, identity"],
  ["Transfer-Encoding: gzip, chunked", "Transfer-Encoding: gzip, chunked"],
  ["Transfer-Encoding: \\x0bchunked", "Transfer-Encoding: \x0bchunked"],
  ["Transfer-Encoding: chunked with a NUL", "Transfer-Encoding: chunked\x00"],
  ["Transfer-Encoding in quotes", 'Transfer-Encoding: "chunked"'],
  ["Transfer-Encoding with a blank before the colon", "Transfer-Encoding : chunked"],
  ["Transfer-Encoding folded", "Transfer-Encoding:\r\n chunked"],
  ["an empty Transfer-Encoding", "Transfer-Encoding:"],
  ["two Hosts", "Host: other"],
  ["an empty Host beside one", "Host:"],
  ["a bare LF between fields", "X: a\nContent-Length: 5"],
  ["a bare CR between fields", "X: a\rContent-Length: 5"],
];

suite("framing that could be read in two ways is never forwarded", () => {
  for (const [what, ...fields] of REFUSED) {
    test(what, async () => {
      for (const body of ["", "0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n"]) {
        const request = head("POST /api/x", ...fields) + body;
        // Alone, too: what is pipelined makes uWebSockets.js close the connection, which would hide a mistake of ours.
        for (const pieces of [[request], [request, HIDDEN], [request + HIDDEN]]) {
          const said = await exchange(...pieces);
          assert.deepEqual(targets(), []);
          assert.doesNotMatch(said, /HTTP\/1\.1 2/);
        }
      }
    });
  }
});

test("a missing Host, an empty one and one that is none are refused", async () => {
  for (const line of [
    "",
    "Host:\r\n",
    "Host: a b\r\n",
    "Host: a/b\r\n",
    "Host: a@b\r\n",
    "Host: a,b\r\n",
    "Host: a:b\r\n",
  ]) {
    const said = await exchange(`GET /api/x HTTP/1.1\r\n${line}\r\n`);
    assert.deepEqual(targets(), [], line);
    assert.doesNotMatch(said, /HTTP\/1\.1 2/, line);
  }
});

test("what hides behind a chunked body is no request, in the same segment or later", async () => {
  const chunked = head("POST /api/x", "Transfer-Encoding: chunked");
  const bodies = [
    "0\r\n\r\n",
    "5\r\nhello\r\n0\r\n\r\n",
    "5;a=b\r\nhello\r\n0\r\n\r\n",
    "0\r\nX-Trailer: 1\r\n\r\n",
    "5\r\nhelloXX0\r\n\r\n",
    "0\r\nXX",
    "\r\n\r\n",
    "5\nhello\n0\n\n",
    "g\r\n",
  ];
  for (const body of bodies) {
    for (const pieces of [[chunked + body + HIDDEN], [chunked + body, HIDDEN], [chunked, body, HIDDEN]]) {
      await exchange(...pieces);
      assert.ok(!targets().includes("GET /api/hidden"), `${JSON.stringify(body)} in ${pieces.length} pieces`);
    }
  }
});

test("a chunked request that a refusal answers ends its connection, too", async () => {
  for (const start of ["POST /nowhere", "DELETE /small", "POST /api/../x", "POST /dead/x"]) {
    await exchange(`${head(start, "Transfer-Encoding: chunked")}0\r\n\r\n${HIDDEN}`);
    await exchange(head(start, "Transfer-Encoding: chunked"), "0\r\n\r\n", HIDDEN);
    assert.deepEqual(targets(), [], start);
  }
});

test("a body under Content-Length never becomes a request, whoever answers", async () => {
  for (const start of ["POST /nowhere", "DELETE /small", "POST /api/../x", "POST /dead/x"]) {
    const said = await exchange(head(start, `Content-Length: ${HIDDEN.length}`) + HIDDEN);
    assert.deepEqual(targets(), [], start);
    assert.equal(said.match(/HTTP\/1\.1 \d/g)!.length, 1, "one request, one answer");
  }
});

test("a GET with a body keeps it a body", async () => {
  const said = await exchange(get("/api/x", `Content-Length: ${HIDDEN.length}`) + HIDDEN);
  assert.match(said, /^HTTP\/1\.1 200 /);
  assert.deepEqual(targets(), ["GET /api/x"]);
  assert.equal(upstream.requests[0]!.body.toString(), HIDDEN);
});
