/** An upstream with one connection and room for three who wait: who waits, how long, and who is sent away. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Held } from "../harness/held.ts";
import { QUEUE_MS, UPSTREAMS } from "../harness/upstreams-gateway.ts";
import { type Answer, Client, device, fieldOf, head, ok, origin, ports } from "../harness.ts";

const upstream = await origin(ports.origin);
await device(UPSTREAMS);

/** The clock's tick, and what a busy machine adds. */
const LATE_MS = 300;
/** Long enough for the gateway to have read a request, far less than anyone may wait. */
const READ_MS = 30;
let held: Held;

beforeEach(async () => {
  await upstream.drop();
  held = new Held(upstream);
});

/** One client for each token, in this order; the first gets the connection. */
async function sendInOrder(...tokens: string[]): Promise<Client[]> {
  const clients: Client[] = [];
  for (const token of tokens) {
    clients.push((await Client.open(ports.device)).send(head(`GET /narrow/${token}`)));
    await new Promise((resolve) => setTimeout(resolve, READ_MS));
  }
  await held.take(1);
  return clients;
}

function assertBusy(answer: Answer): void {
  assert.equal(answer.status, 503);
  assert.equal(fieldOf(answer, "retry-after"), "1");
  assert.equal(JSON.parse(answer.body.toString()).code, "upstream_busy");
}

/** Those who wait go first, or one of them would still get the connection of the one that has it. */
async function closeAll(clients: readonly Client[]): Promise<void> {
  for (const client of clients.slice(1)) client.close();
  await new Promise((resolve) => setTimeout(resolve, READ_MS));
  clients[0]!.close();
}

test("three wait and are served in their order, on the one connection", async () => {
  const tokens = ["a", "b", "c", "d"];
  const clients = await sendInOrder(...tokens);
  assert.equal(held.all.length, 1, "the others wait");
  for (const [n, token] of tokens.entries()) {
    const all = await held.take(n + 1);
    assert.equal(all[n]!.token, token);
    assert.equal(all[n]!.connection, all[0]!.connection);
    await all[n]!.connection.send(ok(token));
    assert.equal((await clients[n]!.answer()).body.toString(), token);
  }
  await closeAll(clients);
});

test("a body that waits with its request arrives whole", async () => {
  const clients = await sendInOrder("a");
  clients.push((await Client.open(ports.device)).send(`${head("POST /narrow/b", "Content-Length: 8")}half`));
  await new Promise((resolve) => setTimeout(resolve, READ_MS));
  clients[1]!.send("rest");
  const [first] = await held.take(1);
  await first!.connection.send(ok("a"));
  const [, second] = await held.take(2);
  assert.equal(second!.request.body.toString(), "halfrest");
  await second!.connection.send(ok("b"));
  assert.equal((await clients[1]!.answer()).body.toString(), "b");
  await closeAll(clients);
});

test("the queue is full: 503 at once", async () => {
  const clients = await sendInOrder("a", "b", "c", "d");
  const start = performance.now();
  const late = (await Client.open(ports.device)).send(head("GET /narrow/e"));
  assertBusy(await late.answer());
  assert.ok(performance.now() - start < LATE_MS);
  assert.deepEqual(
    held.all.map(({ token }) => token),
    ["a"],
  );
  await closeAll([...clients, late]);
});

test("timeouts.queue has passed: 503, and the request is never sent", async () => {
  const clients = await sendInOrder("a");
  const start = performance.now();
  const waiting = (await Client.open(ports.device)).send(head("GET /narrow/b"));
  assertBusy(await waiting.answer());
  const tookMs = performance.now() - start;
  assert.ok(tookMs >= QUEUE_MS - 5 && tookMs < QUEUE_MS + LATE_MS, `${tookMs.toFixed()} ms`);
  await held.all[0]!.connection.send(ok("a"));
  assert.equal((await clients[0]!.answer()).status, 200);
  // The client's connection is good for more: a 503 says nothing against it.
  waiting.send(head("GET /narrow/c"));
  const all = await held.take(2);
  assert.equal(all[1]!.token, "c");
  await all[1]!.connection.send(ok("c"));
  assert.equal((await waiting.answer()).body.toString(), "c");
  await closeAll([...clients, waiting]);
});

test("clients that abort while they wait free their places", async () => {
  const clients = await sendInOrder("a", "b", "c", "d");
  clients[2]!.reset();
  clients[3]!.close();
  await new Promise((resolve) => setTimeout(resolve, READ_MS));
  const later: Client[] = [];
  for (const token of ["e", "f"]) {
    later.push((await Client.open(ports.device)).send(head(`GET /narrow/${token}`)));
    await new Promise((resolve) => setTimeout(resolve, READ_MS));
  }
  const tooMany = (await Client.open(ports.device)).send(head("GET /narrow/g"));
  assertBusy(await tooMany.answer());
  const served = ["a", "b", "e", "f"];
  for (const [n, client] of [clients[0]!, clients[1]!, ...later].entries()) {
    const all = await held.take(n + 1);
    assert.equal(all[n]!.token, served[n]);
    await all[n]!.connection.send(ok(served[n]!));
    assert.equal((await client.answer()).body.toString(), served[n]);
  }
  await closeAll([...clients, ...later, tooMany]);
});

test("the connection's end frees it: who waits is served on a new one", async () => {
  const clients = await sendInOrder("a", "b", "c");
  held.all[0]!.connection.reset();
  assert.equal((await clients[0]!.answer()).status, 502);
  for (const [n, token] of ["b", "c"].entries()) {
    const all = await held.take(n + 2);
    assert.equal(all[n + 1]!.token, token);
    assert.notEqual(all[n + 1]!.connection, all[0]!.connection);
    await all[n + 1]!.connection.send(ok(token, ...(n === 0 ? ["Connection: close"] : [])));
    assert.equal((await clients[n + 1]!.answer()).body.toString(), token);
  }
  await closeAll(clients);
});

test("the client that has the connection aborts: the next one is served", async () => {
  const clients = await sendInOrder("a", "b");
  clients[0]!.reset();
  const all = await held.take(2);
  assert.equal(all[1]!.token, "b");
  await all[1]!.connection.send(ok("b"));
  assert.equal((await clients[1]!.answer()).body.toString(), "b");
  await closeAll(clients);
});

test("a hundred clients at a queue of three: each is served or sent away, and nobody is forgotten", async () => {
  upstream.script((request, connection) => {
    setTimeout(() => void connection.send(ok(request.target.split("/").at(-1)!)), 20);
  });
  const statuses = await Promise.all(
    Array.from({ length: 100 }, async (_, n) => {
      const client = await Client.open(ports.device);
      const answer = await client.send(head(`GET /narrow/t${n}`)).answer();
      if (answer.status === 200) assert.equal(answer.body.toString(), `t${n}`);
      else assertBusy(answer);
      client.close();
      return answer.status;
    }),
  );
  const served = statuses.filter((status) => status === 200).length;
  assert.ok(served >= 4 && served < 100, `${served} were served`);
});
