/** Endpoints that are names: found, not found, moved, and no resolver at all; what needs no name is served meanwhile. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { deviceWithResolver, NameServer, resolvConf, skipWithoutNamespaces } from "../harness/dns.ts";
import { until } from "../harness/held.ts";
import { CONNECT_MS, UPSTREAMS } from "../harness/upstreams-gateway.ts";
import { type Answer, ask, Client, device, fieldOf, get, ok, origin, pack, ports } from "../harness.ts";

const LATE_MS = 600;
const skip = skipWithoutNamespaces;

const upstream = await origin(ports.origin);
upstream.script((_, connection) => connection.send(ok("first")));

function assertFault(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status, answer.body.toString());
  assert.equal(JSON.parse(answer.body.toString()).code, code);
}

async function assertServes(path: string, body = "first"): Promise<void> {
  const answer = await ask(ports.device, get(path));
  assert.equal(answer.status, 200, answer.body.toString());
  assert.equal(answer.body.toString(), body);
}

test("localhost is found, and its connections are kept", async () => {
  await device(UPSTREAMS);
  const before = upstream.connections.length;
  const client = await Client.open(ports.device);
  for (let n = 0; n < 10; n++) {
    const answer = await client.send(get("/named/x")).answer();
    assert.equal(answer.body.toString(), "first");
    assert.equal(fieldOf(upstream.requests.at(-1)!, "host"), "localhost");
  }
  assert.equal(upstream.connections.length - before, 1);
  client.close();
});

test("a name that does not exist: 502 upstream_unresolved; other routes are served at the same time", async () => {
  await device(UPSTREAMS);
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(ports.device, get("/nameless/x"))));
  for (const answer of answers) {
    assertFault(answer, 502, "upstream_unresolved");
    assert.equal(fieldOf(answer, "proxy-status"), "edge; error=dns_error");
  }
  await assertServes("/plain/x");
  await assertServes("/named/x");
});

test("an empty resolv.conf, as on a device that has just booted: it starts and serves what it can", {
  skip,
}, async () => {
  await deviceWithResolver(await pack(UPSTREAMS), "");
  await assertServes("/plain/x");
  await assertServes("/named/x");
  assertFault(await ask(ports.device, get("/nameless/x")), 502, "upstream_unresolved");
  await assertServes("/plain/x");
});

test("a resolver that keeps silent: names wait for `connect` and no longer, others are served", { skip }, async () => {
  const server = await NameServer.start();
  server.silent = true;
  server.names.set("origin.test", "127.0.0.1");
  await deviceWithResolver(await pack(UPSTREAMS), resolvConf(2));
  const start = performance.now();
  const waiting = Promise.all(Array.from({ length: 20 }, () => ask(ports.device, get("/moving/x"))));
  await until(() => server.questions > 0, "a question");
  await assertServes("/plain/x");
  // What is in /etc/hosts needs no resolver, and must not stand in line behind what does.
  await assertServes("/named/x");
  assert.ok(performance.now() - start < CONNECT_MS / 2, "others do not wait");
  for (const answer of await waiting) assertFault(answer, 504, "connect_timeout");
  assert.ok(performance.now() - start < CONNECT_MS + LATE_MS);
  assert.ok(server.questions <= 4, `${server.questions} questions: those who want one name share one`);
});

test("a resolver that keeps silent does not hold up the end: SIGTERM ends it as ever", { skip }, async () => {
  const server = await NameServer.start();
  server.silent = true;
  const gateway = await deviceWithResolver(await pack(UPSTREAMS), resolvConf(4));
  const client = (await Client.open(ports.device)).send(get("/moving/x"));
  await until(() => server.questions > 0, "a question");
  client.close();
  const start = performance.now();
  await gateway.stop();
  assert.ok(performance.now() - start < 5000, `${(performance.now() - start).toFixed()} ms to the end`);
});

test("a resolver that comes up later: the next request finds the name", { skip }, async () => {
  await deviceWithResolver(await pack(UPSTREAMS), resolvConf(2));
  // Nothing listens yet: the kernel says so at once.
  assertFault(await ask(ports.device, get("/moving/x")), 502, "upstream_unresolved");
  const server = await NameServer.start();
  server.names.set("origin.test", "127.0.0.1");
  const limit = Date.now() + 3000;
  for (;;) {
    const answer = await ask(ports.device, get("/moving/x"));
    if (answer.status === 200) break;
    assertFault(answer, 502, "upstream_unresolved");
    assert.ok(Date.now() < limit, "the name is not asked for again");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});

test("the name moves and its old address refuses: asked again, and the new address serves", { skip }, async () => {
  const server = await NameServer.start();
  server.names.set("origin.test", "127.0.0.1");
  await deviceWithResolver(await pack(UPSTREAMS), resolvConf(2));
  await assertServes("/moving/x");
  const moved = createServer((_, response) => response.end("moved"));
  await new Promise<void>((resolve) => moved.listen(ports.origin, "127.0.0.2", resolve));
  try {
    server.names.set("origin.test", "127.0.0.2");
    await upstream.close();
    const limit = Date.now() + 4000;
    for (;;) {
      const answer = await ask(ports.device, get("/moving/x"));
      if (answer.status === 200) {
        assert.equal(answer.body.toString(), "moved");
        break;
      }
      assertFault(answer, 502, "upstream_refused");
      assert.ok(Date.now() < limit, "the name is not asked for again");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    server.silent = true;
    await assertServes("/moving/x", "moved");
  } finally {
    moved.closeAllConnections();
    await new Promise((resolve) => moved.close(resolve));
    await upstream.listen();
  }
});
