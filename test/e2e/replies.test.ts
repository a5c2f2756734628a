/** Every answer the gateway gives itself: the right status, application/problem+json, and the connection's fate. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, ask, Client, device, fieldOf, GATEWAY, get, head, ok, origin, ports } from "../harness.ts";

const upstream = await origin(ports.origin);
await device(GATEWAY);

function assertProblem(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status, answer.head);
  assert.equal(fieldOf(answer, "content-type"), "application/problem+json");
  assert.equal(fieldOf(answer, "cache-control"), "no-store");
  const problem = JSON.parse(answer.body.toString());
  assert.equal(problem.code, code);
  assert.equal(problem.status, status);
  assert.equal(problem.type, "about:blank");
  assert.equal(typeof problem.detail, "string");
  assert.equal(`HTTP/1.1 ${status} ${problem.title}`, answer.head.split("\r\n")[0]);
}

test("404 where no route has the path, and the connection goes on", async () => {
  upstream.script((_, connection) => connection.send(ok("found")));
  const client = await Client.open(ports.device);
  assertProblem(await client.send(get("/nowhere")).answer(), 404, "no_route");
  assert.equal((await client.send(get("/api/x")).answer()).body.toString(), "found");
});

test("404 to HEAD has the length but no body", async () => {
  const client = await Client.open(ports.device);
  const answer = await client.send(head("HEAD /nowhere")).answer("HEAD");
  assert.equal(answer.status, 404);
  assert.ok(Number(fieldOf(answer, "content-length")) > 20);
  assertProblem(await client.send(get("/nowhere")).answer(), 404, "no_route");
});

test("405 names what the path takes", async () => {
  const answer = await ask(ports.device, get("/small"));
  assertProblem(answer, 405, "method_not_allowed");
  assert.equal(fieldOf(answer, "allow"), "POST, PUT");
  const other = await ask(ports.device, `${head("POST /things/7", "Content-Length: 2")}hi`);
  assertProblem(other, 405, "method_not_allowed");
  assert.equal(fieldOf(other, "allow"), "GET, HEAD, DELETE");
});

test("413 by Content-Length before a byte of the body, and nothing reaches the origin", async () => {
  upstream.script((_, connection) => connection.send(ok("")));
  const client = await Client.open(ports.device);
  const answer = await client.send(head("POST /small", "Content-Length: 17")).answer();
  assertProblem(answer, 413, "body_too_large");
  assert.equal(fieldOf(answer, "connection"), "close");
  assert.equal((await ask(ports.device, `${head("POST /small", "Content-Length: 16")}0123456789abcdef`)).status, 200);
  assert.equal(upstream.requests.length, 1);
});

test("413 for a chunked body at the byte that is too much", async () => {
  upstream.script((request, connection) => connection.send(ok(request.body)));
  const start = `${head("POST /small", "Transfer-Encoding: chunked")}8\r\n01234567\r\n8\r\n89abcdef\r\n`;
  assert.equal((await ask(ports.device, `${start}0\r\n\r\n`)).body.toString(), "0123456789abcdef");
  const client = await Client.open(ports.device);
  client.send(start);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(client.reader.waiting, 0, "16 bytes are allowed");
  client.send("1\r\nX\r\n");
  assertProblem(await client.answer(), 413, "body_too_large");
  await client.ended();
  assert.equal(upstream.requests.length, 1, "the origin never saw a complete second request");
});

test("502 where every endpoint refuses, with Proxy-Status", async () => {
  const answer = await ask(ports.device, get("/dead/x"));
  assertProblem(answer, 502, "upstream_refused");
  assert.equal(fieldOf(answer, "proxy-status"), "edge; error=connection_refused");
});

test("502 where the upstream's name does not resolve", async () => {
  const answer = await ask(ports.device, get("/nameless/x"));
  assertProblem(answer, 502, "upstream_unresolved");
});

test("502 where the origin closes or resets instead of answering", async () => {
  const failures: [string, (connection: { end(): void; reset(): void }) => void][] = [
    ["FIN", (connection) => connection.end()],
    ["RST", (connection) => connection.reset()],
  ];
  for (const [how, fail] of failures) {
    await upstream.drop();
    upstream.script((_, connection) => fail(connection));
    const answer = await ask(ports.device, get("/api/x"));
    assertProblem(answer, 502, "upstream_closed");
    assert.equal(upstream.requests.length, 1, `${how} on a new connection is not tried again`);
  }
});

test("503 where all connections to the upstream stay taken, and the one in flight ends well", async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  upstream.script(async (_, connection) => {
    await held;
    await connection.send(ok("late"));
  });
  const first = ask(ports.device, get("/narrow/1"));
  while (upstream.connections.at(-1)!.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const started = Date.now();
  const second = await ask(ports.device, get("/narrow/2"));
  assertProblem(second, 503, "upstream_busy");
  assert.equal(fieldOf(second, "retry-after"), "1");
  assert.ok(Date.now() - started >= 300, "it waits as long as timeouts.connect");
  const third = ask(ports.device, get("/narrow/3"));
  release();
  assert.equal((await first).body.toString(), "late");
  assert.equal((await third).body.toString(), "late", "who waits is served when the connection is free");
});

test("501 for CONNECT and TRACE, 417 for an unknown expectation, 431 for fields that do not fit", async () => {
  upstream.script((_, connection) => connection.send(ok("")));
  assertProblem(await ask(ports.device, head("TRACE /api/x")), 501, "method_not_implemented");
  assertProblem(await ask(ports.device, get("/api/x", "Expect: a-miracle")), 417, "expectation_failed");
  const client = await Client.open(ports.device);
  const { rest } = await client.send(get("/api/x", `X-Long: ${"x".repeat(9000)}`)).ended();
  assert.match(rest.toString(), /^HTTP\/1\.1 431 /);
  assert.equal(upstream.requests.length, 0);
});
