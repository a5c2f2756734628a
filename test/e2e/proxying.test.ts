/** Requests and answers through the packed binary, byte for byte; connections to the upstream are reused. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";
import {
  ask,
  Client,
  device,
  fieldOf,
  GATEWAY,
  get,
  head,
  linesOf,
  type OriginConnection,
  ok,
  origin,
  ports,
} from "../harness.ts";

const first = await origin(ports.origin);
const second = await origin(ports.secondOrigin);
await device(GATEWAY);

/** As chunks of these sizes, the last repeated. */
function chunked(body: Buffer, ...sizes: number[]): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0, n = 0; at < body.length; n++) {
    const part = body.subarray(at, at + sizes[Math.min(n, sizes.length - 1)]!);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n"));
    at += part.length;
  }
  parts.push(Buffer.from("0\r\n\r\n"));
  return Buffer.concat(parts);
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

test("a GET reaches the origin as these bytes, and its answer the client", async () => {
  first.script((_, connection) =>
    connection.send('HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-Case: Kept\r\nETag: W/"1"\r\n\r\nhello'),
  );
  const answer = await ask(ports.device, get("/api/a%7eb/c?x=1&y=%20", "User-Agent: test", "Accept: */*"));
  assert.equal(
    first.requests[0]!.raw.toString(),
    "GET /api/a~b/c?x=1&y=%20 HTTP/1.1\r\nhost: localhost\r\nuser-agent: test\r\naccept: */*\r\n" +
      "x-forwarded-for: 127.0.0.1\r\nx-real-ip: 127.0.0.1\r\nx-forwarded-proto: http\r\nvia: 1.1 edge\r\n" +
      "x-forwarded-host: localhost\r\n\r\n",
  );
  const [line, ...fields] = linesOf(answer);
  assert.equal(line, "HTTP/1.1 200 Fine");
  assert.match(fieldOf(answer, "date")!, /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/);
  assert.deepEqual(
    fields.filter((field) => !field.startsWith("Date")).sort(),
    ["Content-Length: 5", 'ETag: W/"1"', "X-Case: Kept", "via: 1.1 edge"].sort(),
  );
  assert.equal(answer.body.toString(), "hello");
});

test("HEAD is forwarded and answered with the length and without a body", async () => {
  first.script((_, connection) => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"));
  const client = await Client.open(ports.device);
  client.send(head("HEAD /api/x"));
  const answer = await client.answer("HEAD");
  assert.equal(first.requests[0]!.method, "HEAD");
  assert.equal(fieldOf(answer, "content-length"), "1234");
  first.script((_, connection) => connection.send(ok("next")));
  assert.equal((await client.send(get("/api/y")).answer()).body.toString(), "next", "nothing is left over");
});

test("every method goes through as it is", async () => {
  first.script((request, connection) => connection.send(ok(request.method)));
  for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"]) {
    assert.equal((await ask(ports.device, head(`${method} /api/m`))).body.toString(), method);
  }
});

test("a body with Content-Length arrives with the same framing", async () => {
  first.script((request, connection) => connection.send(ok(request.body)));
  const answer = await ask(ports.device, `${head("POST /api/p", "Content-Length: 11")}hello world`);
  assert.equal(fieldOf(first.requests[0]!, "content-length"), "11");
  assert.equal(answer.body.toString(), "hello world");
});

test("a POST without a body says so to the origin", async () => {
  first.script((_, connection) => connection.send(ok("")));
  await ask(ports.device, head("POST /api/p", "Content-Length: 0"));
  assert.equal(fieldOf(first.requests[0]!, "content-length"), "0");
});

test("a chunked body arrives chunked, whatever pieces it came in, and the client's connection ends", async () => {
  first.script((request, connection) => connection.send(ok(request.body)));
  const body = randomBytes(5000);
  const message = Buffer.concat([
    Buffer.from(head("POST /api/p", "Transfer-Encoding: chunked")),
    chunked(body, 1, 2, 3, 1000),
  ]);
  for (const piece of [message.length, 1000, 7]) {
    const client = await Client.open(ports.device);
    for (let at = 0; at < message.length; at += piece) {
      client.send(message.subarray(at, at + piece));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const answer = await client.answer();
    assert.deepEqual(answer.body, body);
    assert.equal(fieldOf(first.requests.at(-1)!, "transfer-encoding"), "chunked");
    assert.equal(fieldOf(answer, "connection"), "close");
    assert.equal((await client.ended()).rest.length, 0);
  }
});

test("64 MB go up with Content-Length and chunked, and come back, with equal SHA-256", async () => {
  const body = randomBytes(64 << 20);
  first.script((request, connection) => {
    connection.send(ok(sha256(request.body)));
  });
  const framings: [string, Buffer][] = [
    [`Content-Length: ${body.length}`, body],
    ["Transfer-Encoding: chunked", chunked(body, 16_384, 1, 100_000)],
  ];
  for (const [field, bytes] of framings) {
    const client = await Client.open(ports.device);
    client.send(head("PUT /upload/x", field)).send(bytes);
    assert.equal((await client.answer()).body.toString(), sha256(body), field);
    client.close();
  }
  const answers: [string, Buffer][] = [
    ["Content-Length", ok(body)],
    [
      "chunked",
      Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), chunked(body, 65_536)]),
    ],
  ];
  for (const [framing, bytes] of answers) {
    first.script((_, connection) => connection.send(bytes));
    const answer = await ask(ports.device, get("/api/big"));
    assert.equal(sha256(answer.body), sha256(body), framing);
  }
});

test("100 requests one after the other use one connection to the origin", async () => {
  await first.drop();
  const before = first.connections.length;
  first.script((_, connection) => connection.send(ok("again")));
  const client = await Client.open(ports.device);
  for (let i = 0; i < 100; i++) assert.equal((await client.send(get("/api/k")).answer()).status, 200);
  assert.equal(first.connections.length - before, 1);
});

test("an origin that says Connection: close is asked on a new connection next time", async () => {
  await first.drop();
  const before = first.connections.length;
  first.script(async (_, connection) => {
    await connection.send(ok("bye", "Connection: close"));
  });
  const client = await Client.open(ports.device);
  for (let i = 0; i < 3; i++) {
    const answer = await client.send(get("/api/k")).answer();
    assert.equal(fieldOf(answer, "connection"), undefined, "it is not the client's connection that closes");
  }
  assert.equal(first.connections.length - before, 3);
});

test("a client that says Connection: close gets its answer and the end", async () => {
  first.script((_, connection) => connection.send(ok("bye")));
  const client = await Client.open(ports.device);
  const answer = await client.send(get("/api/k", "Connection: close")).answer();
  assert.equal(fieldOf(answer, "connection"), "close");
  assert.deepEqual(await client.ended(), { rest: Buffer.alloc(0), code: "" });
});

test("two endpoints are asked in turn", async () => {
  first.script((_, connection) => connection.send(ok("first")));
  second.script((_, connection) => connection.send(ok("second")));
  const bodies: string[] = [];
  for (let i = 0; i < 6; i++) bodies.push((await ask(ports.device, get("/pair/x"))).body.toString());
  assert.equal(bodies.filter((body) => body === "first").length, 3, bodies.join());
  assert.notEqual(bodies[0], bodies[1]);
});

test("while one of two endpoints refuses connections no request fails", async () => {
  first.script((_, connection) => connection.send(ok("up")));
  for (let i = 0; i < 10; i++) {
    const answer = await ask(ports.device, `${head("POST /half/x", "Content-Length: 2")}hi`);
    assert.equal(answer.status, 200);
  }
  assert.equal(first.requests.length, 10);
});

test("an answer that comes before the request's body ends both connections", async () => {
  let waiting: OriginConnection | undefined;
  first.script(
    () => {},
    (_, connection) => {
      waiting = connection;
      connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    },
  );
  const client = await Client.open(ports.device);
  client.send(`${head("POST /api/p", "Content-Length: 1000")}some`);
  const answer = await client.answer();
  assert.equal(answer.status, 403);
  assert.equal(fieldOf(answer, "connection"), "close");
  client.send(get("/api/hidden"));
  await client.ended();
  assert.deepEqual(first.requests, [], "what follows is neither a body nor a request");
  // The origin still waits for the body's rest, and would take another request on its connection for that.
  await Promise.race([waiting!.closed, once(AbortSignal.timeout(1000), "abort")]);
  assert.ok(waiting!.socket.readableEnded, "the upstream's connection is closed, too");
});
