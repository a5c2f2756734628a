/** Every wait has a bound fixed at build: the right status, not early and not much late. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Held } from "../harness/held.ts";
import { assertQuick } from "../harness/quick.ts";
import {
  type Answer,
  ask,
  blackHole,
  Client,
  device,
  fieldOf,
  GATEWAY,
  get,
  head,
  ok,
  origin,
  ports,
} from "../harness.ts";

const upstream = await origin(ports.origin);
await blackHole(ports.blackHole);
const gateway = await device(GATEWAY);

/** Clock ticks are 50 ms at most, and a busy machine adds some. */
const LATE_MS = 600;

/** Never early, and not always late. */
async function assertTakes<T>(wantedMs: number, work: () => Promise<T>): Promise<T> {
  let result: T;
  await assertQuick(wantedMs + LATE_MS, async () => {
    const start = performance.now();
    result = await work();
    const tookMs = performance.now() - start;
    assert.ok(tookMs >= wantedMs - 5, `${tookMs.toFixed()} ms instead of ${wantedMs} ms`);
    return tookMs;
  });
  return result!;
}

function codeOf(answer: Answer): string {
  assert.equal(fieldOf(answer, "content-type"), "application/problem+json");
  return JSON.parse(answer.body.toString()).code;
}

test("connect: an endpoint that does not answer the handshake gives 504", async () => {
  const answer = await assertTakes(300, () => ask(ports.device, get("/hole/x")));
  assert.equal(answer.status, 504);
  assert.equal(codeOf(answer), "connect_timeout");
});

test("response_header: silence after the request gives 504, and the origin sees the end", async () => {
  upstream.script(() => {});
  const answer = await assertTakes(300, () => ask(ports.device, get("/quick/x")));
  assert.equal(answer.status, 504);
  assert.equal(codeOf(answer), "response_header_timeout");
  await upstream.connections.at(-1)!.closed;
});

test("response_header: half a head does not count", async () => {
  upstream.script((_, connection) => connection.send("HTTP/1.1 200 OK\r\nContent-Le"));
  const answer = await assertTakes(300, () => ask(ports.device, get("/quick/x")));
  assert.equal(codeOf(answer), "response_header_timeout");
});

test("response_header: counts from the request's end, however slow its body was", async () => {
  upstream.script((_, connection) => connection.send(ok("in time")));
  const client = await Client.open(ports.device);
  client.send(head("POST /quick/x", "Content-Length: 4"));
  for (const byte of "body") {
    await new Promise((resolve) => setTimeout(resolve, 200));
    client.send(byte);
  }
  assert.equal((await client.answer()).body.toString(), "in time");
});

test("response_header: an answer that has come while the gateway could not run is in time", async () => {
  const held = new Held(upstream);
  const client = (await Client.open(ports.device)).send(get("/quick/x"));
  const [asked] = await held.take(1);
  gateway.child.kill("SIGSTOP");
  await asked!.connection.send(ok("in time"));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  gateway.child.kill("SIGCONT");
  assert.equal((await client.answer()).body.toString(), "in time");
});

test("idle: a request body that stops gives 408 and closes both sides", async () => {
  upstream.script(() => {});
  const { client, answer } = await assertTakes(400, async () => {
    const client = await Client.open(ports.device);
    client.send(`${head("POST /quick/x", "Content-Length: 10")}half`);
    return { client, answer: await client.answer() };
  });
  assert.equal(answer.status, 408);
  assert.equal(codeOf(answer), "request_body_timeout");
  await client.ended();
  await upstream.connections.at(-1)!.closed;
});

test("idle: an answer body that stops is cut, so that the client can tell", async () => {
  const halves = [
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    "HTTP/1.1 200 OK\r\n\r\nhalf",
  ];
  for (const half of halves) {
    upstream.script((_, connection) => connection.send(half));
    const { rest } = await assertTakes(400, async () =>
      (await Client.open(ports.device)).send(get("/quick/x")).ended(),
    );
    assert.match(rest.toString(), /^HTTP\/1\.1 200 /);
    assert.doesNotMatch(rest.toString(), /\r\n0\r\n/, "a cut answer has no last chunk");
    await upstream.connections.at(-1)!.closed;
  }
});

test("idle: bytes that keep coming keep the exchange alive", async () => {
  upstream.script(async (_, connection) => {
    await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    for (const byte of "body") {
      await new Promise((resolve) => setTimeout(resolve, 250));
      await connection.send(byte);
    }
  });
  assert.equal((await ask(ports.device, get("/quick/x"))).body.toString(), "body");
});

test("request: bounds the whole exchange, 504 before the answer's head", async () => {
  upstream.script(() => {});
  const answer = await assertTakes(500, async () => {
    const client = await Client.open(ports.device);
    client.send(head("POST /brief/x", "Content-Length: 100"));
    const drip = setInterval(() => client.send("."), 100);
    try {
      return await client.answer();
    } finally {
      clearInterval(drip);
      client.close();
    }
  });
  assert.equal(answer.status, 504);
  assert.equal(codeOf(answer), "request_timeout");
});

test("request: cuts an answer that is under way", async () => {
  upstream.script(async (_, connection) => {
    await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    for (let i = 0; i < 20 && !connection.socket.destroyed; i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      await connection.send(".");
    }
  });
  const { rest } = await assertTakes(500, async () => (await Client.open(ports.device)).send(get("/brief/x")).ended());
  assert.match(rest.toString(), /^HTTP\/1\.1 200 .*\r\n\r\n\.{2,6}$/s);
});

test("a body of one byte a second goes through, far below uWebSockets.js's own limit of 10 s", async () => {
  upstream.script((request, connection) => connection.send(ok(request.body)));
  const client = await Client.open(ports.device);
  client.send(head("POST /patient/x", "Content-Length: 13"));
  for (let i = 0; i < 13; i++) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    client.send(String(i % 10));
  }
  assert.equal((await client.answer()).body.toString(), "0123456789012");
});
