/** Limits of one route, tighter than the device's: path and query, number of fields, requests in flight. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Held } from "../harness/held.ts";
import { type Answer, Client, device, fieldOf, GATEWAY, head, ok, origin, ports } from "../harness.ts";

const upstream = await origin(ports.origin);
const gateway = await device(GATEWAY);

beforeEach(() => upstream.drop());

function assertRefused(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status);
  assert.equal(JSON.parse(answer.body.toString()).code, code);
}

async function ask(line: string, ...fields: string[]): Promise<Answer> {
  return await (await Client.open(ports.device)).send(head(line, ...fields)).answer();
}

test("path and query of 64 bytes pass, of 65 are answered 414, and elsewhere they pass", async () => {
  const path = (bytes: number) => `/limited/${"p".repeat(20)}?${"q".repeat(bytes - 29)}`;
  assert.equal((await ask(`GET ${path(64)}`)).status, 200);
  assertRefused(await ask(`GET ${path(65)}`), 414, "target_too_long");
  assert.equal((await ask(`GET ${path(65).replace("limited", "api")}`)).status, 200);
});

test("eight fields pass, nine are answered 431, and elsewhere they pass", async () => {
  // Host is the first of them.
  const rest = (fields: number) => Array.from({ length: fields - 1 }, (_, i) => `X-${i}: ${i}`);
  assert.equal((await ask("GET /limited/a", ...rest(8))).status, 200);
  assertRefused(await ask("GET /limited/a", ...rest(9)), 431, "fields_too_large");
  assert.equal((await ask("GET /api/a", ...rest(9))).status, 200);
});

test("what is refused is never counted", async () => {
  for (let i = 0; i < 5; i++) assert.equal((await ask(`GET /limited/${"p".repeat(80)}`)).status, 414);
  assert.equal((await ask("GET /limited/a")).status, 200);
});

test("two in flight; the third is answered 503 until one of them has its answer or goes away", async () => {
  const held = new Held(upstream);
  const send = async (path: string) => (await Client.open(ports.device)).send(head(`GET ${path}`));
  const clients = [await send("/limited/a")];
  const [first] = await held.take(1);
  clients.push(await send("/limited/b"));
  await held.take(2);
  const refused = await (await send("/limited/c")).answer();
  assertRefused(refused, 503, "overloaded");
  assert.equal(fieldOf(refused, "retry-after"), "1");

  const elsewhere = await send("/api/d");
  const [, , other] = await held.take(3);
  await other!.connection.send(ok("elsewhere"));
  assert.equal((await elsewhere.answer()).status, 200);

  await first!.connection.send(ok("first"));
  assert.equal((await clients[0]!.answer()).body.toString(), "first");
  clients.push(await send("/limited/e"));
  assert.equal((await held.take(4)).length, 4);
  assertRefused(await (await send("/limited/f")).answer(), 503, "overloaded");

  for (const client of clients) client.close();
  await gateway.sees(({ inFlight }) => inFlight === 0, "that they have gone");
  const after = [await send("/limited/g"), await send("/limited/h")];
  const all = await held.take(6);
  for (const { connection } of all.slice(4)) await connection.send(ok("after"));
  for (const client of after) assert.equal((await client.answer()).status, 200);
});
