/** Reading origins' answers: strict, split at any byte, and never in doubt about where a body ends. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ask, Client, device, fieldOf, GATEWAY, get, head, linesOf, ok, origin, ports } from "../harness.ts";

const upstream = await origin(ports.origin);
await device(GATEWAY);

function answersWith(raw: string): void {
  upstream.script((_, connection) => connection.send(raw));
}

const MALFORMED: readonly (readonly [what: string, raw: string])[] = [
  ["not HTTP", "SSH-2.0-OpenSSH_9.2\r\n"],
  ["HTTP/2", "HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n"],
  ["HTTP/1.2", "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n"],
  ["lower case", "http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
  ["an empty line first", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
  ["two blanks", "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n"],
  ["a status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"],
  ["a status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"],
  ["status 000", "HTTP/1.1 000 No\r\nContent-Length: 0\r\n\r\n"],
  ["status 600", "HTTP/1.1 600 No\r\nContent-Length: 0\r\n\r\n"],
  ["a status with a sign", "HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n"],
  ["a control byte in the reason", "HTTP/1.1 200 O\x00K\r\nContent-Length: 0\r\n\r\n"],
  ["bare LF after the status line", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"],
  ["bare LF after a field", "HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n"],
  ["bare LF at the end", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n"],
  ["bare CR in a value", "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n"],
  ["NUL in a value", "HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n"],
  ["a folded line", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"],
  ["a blank before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"],
  ["a line without a colon", "HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 0\r\n\r\n"],
  ["an empty name", "HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 0\r\n\r\n"],
  ["a name with a blank", "HTTP/1.1 200 OK\r\nX Y: x\r\nContent-Length: 0\r\n\r\n"],
  ["differing Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
  ["equal Content-Length twice", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"],
  ["Content-Length with a list", "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na"],
  ["a negative Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"],
  ["Content-Length with a plus", "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na"],
  ["Content-Length in hex", "HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\na"],
  ["an empty Content-Length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n"],
  ["an enormous Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"],
  ["both framings", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["Transfer-Encoding: gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n"],
  ["Transfer-Encoding: gzip, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
  ["Transfer-Encoding: identity", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"],
  ["Transfer-Encoding: xchunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"],
  [
    "Transfer-Encoding twice",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  ["chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["101 that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
  [
    "1xx with a length",
    "HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
  ],
  ["204 with a body", "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc"],
  ["204 in chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["a chunk size that is none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"],
  ["an empty chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n"],
  ["a chunk size with a sign", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"],
  ["a chunk size with 0x", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n"],
  [
    "a chunk size that overflows",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000001\r\na\r\n0\r\n\r\n",
  ],
  ["bare LF after a chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n"],
  ["a chunk longer than its size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"],
  ["a head that never ends", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(17_000)}`],
  ["a head over the limit in many lines", `HTTP/1.1 200 OK\r\n${"X: yyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(700)}\r\n`],
];

suite("an answer that two readers could understand differently is 502", () => {
  for (const [what, raw] of MALFORMED) {
    test(what, async () => {
      answersWith(raw);
      const answer = await ask(ports.device, get("/api/x"));
      assert.equal(answer.status, 502);
      assert.equal(JSON.parse(answer.body.toString()).code, "upstream_malformed");
      await upstream.connections.at(-1)!.closed;
      answersWith(ok("well").toString());
      assert.equal((await ask(ports.device, get("/api/y"))).body.toString(), "well");
    });
  }
});

test("an answer split at any byte reads the same", async () => {
  const raw =
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\nConnection: X-B\r\nTransfer-Encoding: chunked\r\n" +
    'X-B: dropped\r\n\r\n5;ext="1"\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n';
  for (let at = 1; at < raw.length; at++) {
    upstream.script(async (_, connection) => {
      await connection.send(raw.slice(0, at));
      await new Promise((resolve) => setTimeout(resolve, 1));
      await connection.send(raw.slice(at));
    });
    const answer = await ask(ports.device, get("/api/x"));
    assert.equal(answer.body.toString(), "hello0123456789", `split at ${at}`);
    const names = answer.fields.map(([name]) => name.toLowerCase()).filter((name) => name !== "transfer-encoding");
    assert.deepEqual(
      names.filter((name) => name !== "content-length").sort(),
      ["date", "via", "x-a"],
      `split at ${at}`,
    );
  }
});

test("an answer that comes byte by byte reads the same", async () => {
  upstream.script(async (_, connection) => {
    for (const byte of "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nX-A: 1\r\n\r\nhello world") {
      await connection.send(byte);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });
  const answer = await ask(ports.device, get("/api/x"));
  assert.equal(answer.body.toString(), "hello world");
  assert.equal(fieldOf(answer, "x-a"), "1");
});

test("interim answers are skipped, however many, and do not reach the client", async () => {
  await upstream.drop();
  const connections = upstream.connections.length;
  answersWith(
    `${"HTTP/1.1 100 Continue\r\n\r\n"}${"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(5)}HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend`,
  );
  const client = await Client.open(ports.device);
  for (let i = 0; i < 3; i++) {
    const answer = await client.send(get("/api/x")).answer();
    assert.equal(answer.status, 200);
    assert.equal(fieldOf(answer, "link"), undefined);
    assert.equal(answer.body.toString(), "end");
  }
  assert.equal(upstream.connections.length - connections, 1);
});

test("204, 304 and answers to HEAD have no body, and their connections go on", async () => {
  await upstream.drop();
  const connections = upstream.connections.length;
  const client = await Client.open(ports.device);
  const cases: [method: string, raw: string, length: string | undefined][] = [
    ["GET", "HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n", undefined],
    ["GET", 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n', undefined],
    ["GET", 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 77\r\n\r\n', "77"],
    ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n", "77"],
    ["HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", undefined],
    ["HEAD", "HTTP/1.1 200 OK\r\n\r\n", undefined],
    ["HEAD", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "0"],
  ];
  for (const [method, raw, length] of cases) {
    answersWith(raw);
    const answer = await client.send(head(`${method} /api/x`)).answer(method);
    assert.equal(answer.body.length, 0);
    assert.equal(fieldOf(answer, "content-length"), length, raw);
  }
  answersWith(ok("after").toString());
  assert.equal((await client.send(get("/api/x")).answer()).body.toString(), "after");
  assert.equal(upstream.connections.length - connections, 1);
});

test("an answer that ends with its connection is passed on in chunks, HTTP/1.0 too", async () => {
  for (const version of ["1.0", "1.1"]) {
    upstream.script(async (_, connection) => {
      await connection.send(`HTTP/${version} 200 OK\r\nX: 1\r\n\r\nfirst `);
      await new Promise((resolve) => setTimeout(resolve, 20));
      await connection.send("second");
      connection.end();
    });
    const client = await Client.open(ports.device);
    const answer = await client.send(get("/api/x")).answer();
    assert.equal(answer.head.split("\r\n")[0], "HTTP/1.1 200 OK");
    assert.equal(fieldOf(answer, "transfer-encoding"), "chunked");
    assert.equal(answer.body.toString(), "first second");
    answersWith(ok("after").toString());
    assert.equal((await client.send(get("/api/x")).answer()).body.toString(), "after");
  }
});

test("an empty body that ends with the connection is an empty body", async () => {
  upstream.script(async (_, connection) => {
    await connection.send("HTTP/1.1 200 OK\r\n\r\n");
    connection.end();
  });
  assert.equal((await ask(ports.device, get("/api/x"))).body.length, 0);
});

test("HTTP/1.0 with a length closes, with keep-alive too", async () => {
  answersWith("HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi");
  const answer = await ask(ports.device, get("/api/x"));
  assert.equal(answer.body.toString(), "hi");
  await upstream.connections.at(-1)!.closed;
});

test("bytes behind an answer never reach a client, and that connection is not used again", async () => {
  await upstream.drop();
  const junk = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen";
  const ends = [
    ["a length", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine"],
    ["chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n"],
    ["304", "HTTP/1.1 304 Not Modified\r\n\r\n"],
  ];
  for (const [what, raw] of ends) {
    for (const laterMs of [0, 20]) {
      upstream.script(async (_, connection) => {
        await connection.send(laterMs === 0 ? raw! + junk : raw!);
        await new Promise((resolve) => setTimeout(resolve, laterMs));
        if (laterMs > 0) await connection.send(junk);
      });
      const used = upstream.connections.length;
      const client = await Client.open(ports.device);
      assert.doesNotMatch((await client.send(get("/api/x")).answer()).body.toString(), /stolen/);
      await upstream.connections.at(-1)!.closed;
      assert.ok(upstream.connections.length - used <= 1);
      answersWith(ok("fresh").toString());
      assert.equal((await client.send(get("/api/y")).answer()).body.toString(), "fresh", what);
      await upstream.drop();
    }
  }
});

test("extensions and trailers end where they are", async () => {
  answersWith(
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4;a;b="c;d"\r\nbody\r\n000;last\r\nX-Sum: 9\r\nX-More: 1\r\n\r\n',
  );
  const answer = await ask(ports.device, get("/api/x"));
  assert.equal(answer.body.toString(), "body");
  assert.deepEqual(
    linesOf(answer).filter((line) => /^x-|^trailer/i.test(line)),
    [],
  );
});
