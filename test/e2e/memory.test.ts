/**
 * Private memory (RssAnon) of a warm process: bodies pass through it and do not stay in it, pools that are exhausted
 * answer 503 and recover, and after a storm it is what it was. `SOAK=1` (make soak) takes the full sizes and limits.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { atEnd } from "../harness/at-end.ts";
import { Held, until } from "../harness/held.ts";
import { UPSTREAMS } from "../harness/upstreams-gateway.ts";
import {
  type Answer,
  ask,
  Client,
  Device,
  fieldOf,
  get,
  head,
  hostTarget,
  type OriginConnection,
  ok,
  origin,
  pack,
  ports,
} from "../harness.ts";

const isSoak = process.env.SOAK === "1";
const BODY_BYTES = (isSoak ? 500 : 96) << 20;
const READERS = 64;
const READER_BYTES = (isSoak ? 64 : 8) << 20;
const CLIENTS = isSoak ? 1000 : 400;
const GROWTH_BYTES_MAX = 8 << 20;
const LEFT_BYTES_MAX = 2 << 20;
const WARM_REQUESTS = 3000;
const WAIT_MS = 120_000;
const QUIET_MS = 1500;
const PAUSED_MS = 20_000;

const block = Buffer.alloc(1 << 20, "x");
const upstream = await origin(ports.origin);
const gateway = new Device(await pack(UPSTREAMS));
atEnd(() => gateway.stop());
await gateway.says(/: listening on /);

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The origin answers with what the path asks for: `/plain/bytes/123` with so many bytes, else with the body's length. */
async function serve(target: string, body: Buffer, connection: OriginConnection): Promise<void> {
  const bytes = Number(/\/bytes\/(\d+)$/.exec(target)?.[1] ?? -1);
  if (bytes < 0) return await connection.send(ok(String(body.length)));
  await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
  for (let at = 0; at < bytes && !connection.socket.destroyed; at += block.length) {
    await connection.send(block.subarray(0, Math.min(block.length, bytes - at)));
  }
}
function scriptOrigin(): void {
  upstream.script((request, connection) => serve(request.target, request.body, connection));
}

/** Small requests, so that code is compiled, pools are filled as far as traffic fills them, and garbage is collected. */
async function warmUp(requests = WARM_REQUESTS): Promise<void> {
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      const client = await Client.open(ports.device);
      for (let n = 0; n < requests / 20; n++) await client.send(get("/plain/x")).answer();
      client.close();
    }),
  );
  upstream.requests = [];
  for (const connection of upstream.connections) connection.requests.length = 0;
}

/** The least of some readings: what is kept, not what waits for the next collection. */
async function settledBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 5; n++) {
    await warmUp(1000);
    least = Math.min(least, gateway.privateBytes());
  }
  return least;
}

/** The most that the process grows over `before` while `work` runs. */
async function growthWhile(before: number, work: () => Promise<void>): Promise<number> {
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, gateway.privateBytes() - before);
  }, 20);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return most;
}

function assertGrowth(bytes: number, max: number, what: string): void {
  assert.ok(bytes <= max, `${what}: RssAnon grew by ${(bytes / 2 ** 20).toFixed(1)} MiB, at most ${max >> 20} wanted`);
}

scriptOrigin();
await warmUp(3 * WARM_REQUESTS);
const warm = await settledBytes();

/** Reads a body without keeping it. */
async function swallow(client: Client, bytes: number, pauseMs = 0): Promise<void> {
  await client.reader.takeUntil("\r\n\r\n");
  for (let at = 0; at < bytes; at += 1 << 16) {
    await client.reader.take(Math.min(1 << 16, bytes - at));
    client.reader.taken = [];
    if (pauseMs > 0 && at % (8 << 20) === 0) {
      client.socket.pause();
      await sleep(pauseMs);
      client.socket.resume();
    }
  }
}

for (const pauseMs of [0, 50]) {
  const pace = pauseMs === 0 ? "a fast" : "a halting";
  test(`${BODY_BYTES >> 20} MB down to ${pace} reader`, async () => {
    scriptOrigin();
    const client = await Client.open(ports.device, { waitMs: WAIT_MS });
    const growth = await growthWhile(warm, () =>
      swallow(client.send(get(`/plain/bytes/${BODY_BYTES}`)), BODY_BYTES, pauseMs),
    );
    client.close();
    assertGrowth(growth, GROWTH_BYTES_MAX, "a download");
  });

  test(`${BODY_BYTES >> 20} MB up to ${pace} origin`, async () => {
    let received = 0;
    upstream.script(
      (_, connection) => connection.send(ok(String(received))),
      async (request, connection) => {
        if (!request.target.endsWith("/up")) return;
        for (; received < BODY_BYTES; received += 1 << 16) {
          await connection.reader.take(1 << 16);
          connection.reader.taken = [];
          if (pauseMs === 0 || received % (8 << 20) !== 0) continue;
          connection.socket.pause();
          await sleep(pauseMs);
          connection.socket.resume();
        }
        await connection.send(ok(String(received)));
        throw new Error("the connection ended by the test: its body was read here");
      },
    );
    const client = await Client.open(ports.device, { waitMs: WAIT_MS });
    const growth = await growthWhile(warm, async () => {
      client.send(head("PUT /plain/up", `Content-Length: ${BODY_BYTES}`));
      for (let at = 0; at < BODY_BYTES; at += block.length) {
        if (!client.socket.write(block)) await new Promise((resolve) => client.socket.once("drain", resolve));
      }
      assert.equal((await client.answer()).body.toString(), String(BODY_BYTES));
    });
    client.close();
    assertGrowth(growth, GROWTH_BYTES_MAX, "an upload");
  });
}

test(`${READERS} slow readers of ${READER_BYTES >> 20} MB each`, async () => {
  scriptOrigin();
  const clients = await Promise.all(
    Array.from({ length: READERS }, () => Client.open(ports.device, { waitMs: WAIT_MS })),
  );
  const growth = await growthWhile(warm, async () => {
    for (const client of clients) client.socket.pause();
    for (const client of clients) client.send(get(`/plain/bytes/${READER_BYTES}`));
    await sleep(1000);
    for (const client of clients) client.socket.resume();
    await Promise.all(clients.map((client) => swallow(client, READER_BYTES, isSoak ? 20 : 0)));
  });
  for (const client of clients) client.close();
  assertGrowth(growth, GROWTH_BYTES_MAX, `${READERS} slow readers`);
});

test("connections that are refused and closed leave nothing", async () => {
  const refuse = (count: number) =>
    Promise.all(
      Array.from({ length: 20 }, async () => {
        for (let n = 0; n < count / 20; n++) {
          const client = await Client.open(ports.device);
          await client.send(get("/../x")).answer();
          client.close();
        }
      }),
    );
  await refuse(2000);
  const before = await settledBytes();
  await refuse(8000);
  assertGrowth((await settledBytes()) - before, LEFT_BYTES_MAX, "8,000 refusals");
});

test(`after a storm of ${CLIENTS} connections and aborts the memory is what it was`, async () => {
  upstream.script(async (request, connection) => {
    await sleep(Math.random() * 50);
    await serve(request.target, request.body, connection);
  });
  for (let round = 0; round < 3; round++) {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => Client.open(ports.device)));
    for (const [n, client] of clients.entries()) {
      if (n % 3 === 0) client.send(get(`/plain/bytes/${1 << 18}`));
      else if (n % 3 === 1) client.send(head("PUT /plain/x", "Content-Length: 200000")).send(Buffer.alloc(100_000));
      else client.send(get("/plain/x"));
    }
    await sleep(100);
    for (const [n, client] of clients.entries()) {
      if (n % 2 === 0) client.reset();
      else client.close();
    }
    await sleep(100);
  }
  await upstream.drop();
  scriptOrigin();
  // It tidies up when nothing has been in flight for a second; an upload that was paused as its client went away is in
  // flight until uWebSockets.js's 10 s are over.
  const limit = Date.now() + PAUSED_MS;
  let left = Number.POSITIVE_INFINITY;
  while (left > LEFT_BYTES_MAX && Date.now() < limit) {
    await sleep(QUIET_MS);
    left = (await settledBytes()) - warm;
  }
  assertGrowth(left, LEFT_BYTES_MAX, "what is left");
});

function assertOverloaded(answer: Answer): void {
  assert.equal(answer.status, 503, answer.head);
  assert.equal(JSON.parse(answer.body.toString()).code, "overloaded");
  assert.equal(fieldOf(answer, "retry-after"), "1");
}

test("body windows exhausted by uploads that stand still: who comes too late gets 503, the others are served", async () => {
  // 256 windows, one for each upload: the bytes that are on their way to the origin.
  const uploads = 300;
  const bytes = 16 << 20;
  upstream.script(
    (_, connection) => connection.send(ok("whole")),
    (request, connection) => {
      if (!request.target.endsWith("/stuck")) return;
      connection.socket.pause();
      return new Promise(() => {});
    },
  );
  const clients = await Promise.all(Array.from({ length: uploads }, () => Client.open(ports.device)));
  for (const client of clients) {
    client.send(head("PUT /plain/stuck", `Content-Length: ${bytes}`));
    for (let at = 0; at < bytes; at += block.length) client.socket.write(block);
  }
  const refused = (): Client[] => clients.filter((client) => client.reader.waiting > 0);
  await until(() => refused().length > 0, "the first 503", 10_000);
  await sleep(1000);
  for (const client of refused()) assertOverloaded(await client.answer());
  assert.ok(refused().length < uploads, "those who came first still wait");
  assert.equal((await ask(ports.device, get("/plain/x"))).status, 200, "what needs no window is served");
  for (const client of clients) client.reset();
  await upstream.drop();
  upstream.script((request, connection) => connection.send(ok(String(request.body.length))));
  const client = (await Client.open(ports.device)).send(head("PUT /plain/x", `Content-Length: ${bytes}`));
  client.send(Buffer.alloc(bytes));
  assert.equal((await client.answer()).body.toString(), String(bytes));
  client.close();
});

test("limits.in_flight exhausted: 503 with Retry-After, and as many as before once they are answered", async () => {
  const max = 8;
  const small = new Device(
    await pack(UPSTREAMS, {
      ...hostTarget({ limits: { in_flight: max } }),
      listeners: { public: { address: `127.0.0.1:${ports.otherDevice}` } },
    }),
  );
  atEnd(() => small.stop());
  await small.says(/: listening on /);
  for (let round = 0; round < 3; round++) {
    const held = new Held(upstream);
    const clients: Client[] = [];
    for (let n = 0; n < max; n++) clients.push((await Client.open(ports.otherDevice)).send(get(`/plain/${n}`)));
    await held.take(max);
    const late = await Client.open(ports.otherDevice);
    assertOverloaded(await late.send(get("/plain/late")).answer());
    assert.equal((await ask(ports.otherDevice, head("HEAD /plain/late"))).status, 503);
    // Half of them are answered, the others give up: both free what they hold.
    for (const { connection, token } of held.all) if (Number(token) % 2 === 0) await connection.send(ok(token));
    for (const [n, client] of clients.entries()) {
      if (n % 2 === 0) assert.equal((await client.answer()).body.toString(), String(n));
      else client.reset();
    }
    await sleep(50);
    for (const client of clients) client.close();
    late.close();
    await upstream.drop();
  }
});
