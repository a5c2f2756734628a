/** An upstream with one connection and room for three who wait: who waits, how long, and who is sent away. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Held } from "../harness/held.ts";
import { assertQuick } from "../harness/quick.ts";
import { QUEUE_MS, UPSTREAMS } from "../harness/upstreams-gateway.ts";
import { type Answer, Client, device, fieldOf, head, ok, origin, ports } from "../harness.ts";

const upstream = await origin(ports.origin);
const gateway = await device(UPSTREAMS);

/** The clock's tick, and what a busy machine adds. */
const LATE_MS = 300;
let held: Held;

beforeEach(async () => {
  await upstream.drop();
  held = new Held(upstream);
});

/** One client for each token, in this order; the first gets the connection. */
async function sendInOrder(...tokens: string[]): Promise<Client[]> {
  const clients: Client[] = [];
  for (const token of tokens) {
    clients.push((await Client.open(ports.device)).send(head(`GET /patient/${token}`)));
    await held.take(1);
    await untilWaiting(clients.length - 1);
  }
  return clients;
}

async function untilWaiting(count: number): Promise<void> {
  await gateway.sees(({ waiting }) => waiting.narrow === count, `${count} who wait`);
}

function assertBusy(answer: Answer): void {
  assert.equal(answer.status, 503);
  assert.equal(fieldOf(answer, "retry-after"), "1");
  assert.equal(JSON.parse(answer.body.toString()).code, "upstream_busy");
}

/** Those who wait go first, or one of them would still get the connection of the one that has it. */
async function closeAll(clients: readonly Client[]): Promise<void> {
  for (const client of clients.slice(1)) client.close();
  await untilWaiting(0);
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
  clients.push((await Client.open(ports.device)).send(`${head("POST /patient/b", "Content-Length: 8")}half`));
  await untilWaiting(1);
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
  await assertQuick(LATE_MS, async () => {
    const start = performance.now();
    const late = (await Client.open(ports.device)).send(head("GET /patient/e"));
    assertBusy(await late.answer());
    clients.push(late);
    return performance.now() - start;
  });
  await untilWaiting(3);
  assert.deepEqual(
    held.all.map(({ token }) => token),
    ["a"],
  );
  await closeAll(clients);
});

test("timeouts.queue has passed: 503, and the request is never sent", async () => {
  const clients = await sendInOrder("a");
  const waiting = await Client.open(ports.device);
  await assertQuick(QUEUE_MS + LATE_MS, async () => {
    const start = performance.now();
    assertBusy(await waiting.send(head("GET /narrow/b")).answer());
    const tookMs = performance.now() - start;
    assert.ok(tookMs >= QUEUE_MS - 5, `${tookMs.toFixed()} ms`);
    return tookMs;
  });
  await held.all[0]!.connection.send(ok("a"));
  assert.equal((await clients[0]!.answer()).status, 200);
  // The client's connection is good for more: a 503 says nothing against it.
  waiting.send(head("GET /patient/c"));
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
  await untilWaiting(1);
  const later: Client[] = [];
  for (const token of ["e", "f"]) {
    later.push((await Client.open(ports.device)).send(head(`GET /patient/${token}`)));
    await untilWaiting(1 + later.length);
  }
  const tooMany = (await Client.open(ports.device)).send(head("GET /patient/g"));
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
