/** Which endpoint a request goes to: in turn by weight, to the one with the least to do, never to one that refuses. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Held, until } from "../harness/held.ts";
import { UPSTREAMS } from "../harness/upstreams-gateway.ts";
import { ask, Client, device, fieldOf, get, head, type Origin, ok, origin, ports } from "../harness.ts";

const first = await origin(ports.origin);
await device(UPSTREAMS);

/** How long a refused endpoint is passed over; the clock adds a tick, and a busy machine some more. */
const DOWN_MS = 1000;
const LATE_MS = 600;

beforeEach(() => first.script((_, connection) => connection.send(ok("first"))));

async function startSecond(): Promise<Origin> {
  const second = await origin(ports.secondOrigin);
  second.script((_, connection) => connection.send(ok("second")));
  return second;
}

/** Who answered how often. */
async function tally(path: string, count: number): Promise<{ first: number; second: number }> {
  const counts = { first: 0, second: 0 };
  for (let n = 0; n < count; n++) {
    const answer = await ask(ports.device, get(path));
    assert.equal(answer.status, 200, answer.body.toString());
    counts[answer.body.toString() as "first"] += 1;
  }
  return counts;
}

/** Until an endpoint that a former test left refused is asked again. */
async function untilBothServe(path: string): Promise<void> {
  const limit = Date.now() + DOWN_MS + LATE_MS;
  while ((await tally(path, 2)).second === 0) {
    assert.ok(Date.now() < limit, "the second endpoint is never asked");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("two endpoints take turns", async () => {
  await startSecond();
  assert.deepEqual(await tally("/pair/x", 20), { first: 10, second: 10 });
});

test("weights 3 and 1 come out 3:1, and the heavy one is not asked four times in a row", async () => {
  await startSecond();
  for (let round = 0; round < 10; round++) assert.deepEqual(await tally("/weighted/x", 4), { first: 3, second: 1 });
});

test("weights hold for requests of one moment, too", async () => {
  const second = await startSecond();
  const held = new Held(first);
  const secondHeld = new Held(second);
  const clients = await Promise.all(Array.from({ length: 40 }, () => Client.open(ports.device)));
  for (const client of clients) client.send(get("/weighted/x"));
  await until(() => held.all.length + secondHeld.all.length === 40, "40 requests");
  assert.deepEqual([held.all.length, secondHeld.all.length], [30, 10]);
  for (const { connection } of [...held.all, ...secondHeld.all]) await connection.send(ok("done"));
  for (const client of clients) assert.equal((await client.answer()).status, 200);
  for (const client of clients) client.close();
});

test("least_request: while one endpoint is stuck the other gets all", async () => {
  const second = await startSecond();
  const origins = [first, second];
  let stuckAt: Origin | undefined;
  for (const each of origins) {
    each.script((request, connection) => {
      if (request.target.endsWith("stuck")) stuckAt = each;
      else void connection.send(ok("done"));
    });
  }
  const stuck = (await Client.open(ports.device)).send(get("/least/stuck"));
  await until(() => stuckAt !== undefined, "the request that will not be answered");
  for (const each of origins) each.requests = [];
  for (let n = 0; n < 10; n++) assert.equal((await ask(ports.device, get("/least/x"))).status, 200);
  assert.deepEqual(
    origins.map(({ requests }) => requests.length),
    origins.map((each) => (each === stuckAt ? 0 : 10)),
  );
  stuck.close();
});

test("least_request: endpoints that have equally little to do share the work", async () => {
  await startSecond();
  const counts = await tally("/least/x", 20);
  assert.deepEqual(counts, { first: 10, second: 10 });
});

test("a refused endpoint costs no request, is passed over for a second, then used again", async () => {
  // Nobody listens on the second port: whoever is sent there goes to the first instead, a body included.
  assert.deepEqual(await tally("/pair/x", 4), { first: 4, second: 0 });
  await new Promise((resolve) => setTimeout(resolve, DOWN_MS + 100));
  first.script((request, connection) => connection.send(ok(request.body)));
  const refusedFrom = Date.now();
  for (let n = 0; n < 2; n++) {
    const answer = await ask(ports.device, `${head("POST /pair/x", "Content-Length: 4")}body`);
    assert.equal(answer.body.toString(), "body");
  }
  const second = await startSecond();
  first.script((_, connection) => connection.send(ok("first")));
  for (let n = 0; n < 10; n++) {
    const { body } = await ask(ports.device, get("/pair/x"));
    // On a busy machine the second may be over by now.
    if (Date.now() - refusedFrom > DOWN_MS) break;
    assert.deepEqual([body.toString(), second.connections.length], ["first", 0]);
  }
  await untilBothServe("/pair/x");
  assert.ok(Date.now() - refusedFrom >= DOWN_MS, "asked again too early");
  const counts = await tally("/pair/x", 10);
  assert.deepEqual(counts, { first: 5, second: 5 });
});

test("least_request passes over a refused endpoint, too", async () => {
  assert.deepEqual(await tally("/least/x", 10), { first: 10, second: 0 });
});

test("while one endpoint refuses, requests wait for the other one, however busy that is", async () => {
  const held = new Held(first);
  // More than the endpoint has connections, and several whose turn it is at the one that refuses.
  const clients = await Promise.all(Array.from({ length: 8 }, () => Client.open(ports.device)));
  for (const client of clients) client.send(get("/scarce/x"));
  for (let n = 1; n <= clients.length; n++) await (await held.take(n))[n - 1]!.connection.send(ok("first"));
  for (const client of clients) {
    const answer = await client.answer();
    assert.deepEqual([answer.status, answer.body.toString()], [200, "first"], answer.body.toString());
    client.close();
  }
});

test("all endpoints refuse: 502, and the first that comes back serves at once", async () => {
  for (let n = 0; n < 3; n++) {
    const answer = await ask(ports.device, get("/dead/x"));
    assert.equal(answer.status, 502);
    assert.equal(fieldOf(answer, "proxy-status"), "edge; error=connection_refused");
    assert.equal(JSON.parse(answer.body.toString()).code, "upstream_refused");
  }
  const back = await origin(ports.otherDevice);
  back.script((_, connection) => connection.send(ok("back")));
  for (let n = 0; n < 3; n++) assert.equal((await ask(ports.device, get("/dead/x"))).body.toString(), "back");
});
