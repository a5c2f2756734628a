/**
 * A client never receives bytes of another exchange: thousands of concurrent requests, each with a token of its own
 * that the answer must carry, while clients and origins break off at random places. The random numbers are seeded, so
 * that a failure comes back.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Client,
  device,
  Ended,
  fieldOf,
  GATEWAY,
  head,
  type OriginConnection,
  origin,
  ports,
  type Request,
} from "../harness.ts";

const upstream = await origin(ports.origin, /^the connection ended/);
const second = await origin(ports.secondOrigin, /^the connection ended/);
await device(GATEWAY);

const SEED = 20_240_607;
const REQUESTS = 4000;
const CLIENTS = 50;

/** Mulberry32: 32 bits of state, good enough to choose with. */
function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The token, repeated to some length that depends on it. */
function bodyOf(token: string, bytes: number): string {
  return `${token};`.repeat(Math.ceil(bytes / (token.length + 1)));
}

async function answerRandomly(random: () => number, request: Request, connection: OriginConnection): Promise<void> {
  const token = request.target.split("/").at(-1)!;
  const roll = random();
  const body = request.method === "HEAD" ? "" : bodyOf(token, random() < 0.05 ? 300_000 : random() * 3000);
  const length = request.method === "HEAD" ? 0 : body.length;
  const whole =
    random() < 0.5
      ? `HTTP/1.1 200 OK\r\nX-Token: ${token}\r\nContent-Length: ${length}\r\n\r\n${body}`
      : `HTTP/1.1 200 OK\r\nX-Token: ${token}\r\nTransfer-Encoding: chunked\r\n\r\n` +
        (request.method === "HEAD" ? "" : `${length === 0 ? "" : `${length.toString(16)}\r\n${body}\r\n`}0\r\n\r\n`);
  if (random() < 0.2) await new Promise((resolve) => setTimeout(resolve, random() * 10));
  if (roll < 0.03) connection.reset();
  else if (roll < 0.06) {
    await connection.send(whole.slice(0, random() * whole.length));
    connection.reset();
  } else if (roll < 0.09) {
    await connection.send(whole.slice(0, random() * whole.length));
    connection.end();
  } else if (roll < 0.12)
    await connection.send(`${whole}HTTP/1.1 200 OK\r\nX-Token: junk\r\nContent-Length: 4\r\n\r\njunk`);
  else if (roll < 0.15) {
    await connection.send(whole);
    connection.end();
  } else if (roll < 0.18) await connection.send(`HTTP/1.1 103 Early Hints\r\nX-Token: early\r\n\r\n${whole}`);
  else await connection.send(whole);
}

test(`${REQUESTS} requests over ${CLIENTS} clients with random aborts each get their own answer`, async () => {
  const random = makeRandom(SEED);
  upstream.script((request, connection) => answerRandomly(random, request, connection));
  second.script((request, connection) => answerRandomly(random, request, connection));
  const outcomes = { own: 0, refused: 0, cut: 0, aborted: 0 };
  let next = 0;

  async function runClient(): Promise<void> {
    let client: Client | undefined;
    while (next < REQUESTS) {
      const token = `t${next}t`;
      next += 1;
      client ??= await Client.open(ports.device);
      const roll = random();
      const method = roll < 0.1 ? "HEAD" : roll < 0.3 ? "POST" : "GET";
      const path = random() < 0.5 ? "api" : "pair";
      const body = method === "POST" ? bodyOf(token, random() * 2000) : "";
      const chunked = random() < 0.3;
      const request =
        method !== "POST"
          ? head(`${method} /${path}/${token}`)
          : chunked
            ? `${head(`POST /${path}/${token}`, "Transfer-Encoding: chunked")}${
                body === "" ? "" : `${body.length.toString(16)}\r\n${body}\r\n`
              }0\r\n\r\n`
            : head(`POST /${path}/${token}`, `Content-Length: ${body.length}`) + body;
      if (random() < 0.05) {
        client.send(request.slice(0, 1 + random() * request.length));
        await new Promise((resolve) => setTimeout(resolve, random() * 10));
        if (random() < 0.5) client.reset();
        else client.close();
        client = undefined;
        outcomes.aborted += 1;
        continue;
      }
      try {
        const answer = await client.send(request).answer(method);
        if (answer.status === 200) {
          assert.equal(fieldOf(answer, "x-token"), token);
          for (const part of answer.body.toString().split(";")) assert.ok(part === "" || part === token, part);
          outcomes.own += 1;
        } else {
          assert.equal(answer.status, 502, answer.head);
          outcomes.refused += 1;
        }
        assert.equal(client.reader.waiting, 0, "nothing behind the answer");
        if (fieldOf(answer, "connection") === "close") {
          client.close();
          client = undefined;
        }
      } catch (error) {
        if (!(error instanceof Ended)) throw error;
        const parts = error.rest.toString().split("\r\n\r\n").at(-1)!.split(";").slice(0, -1);
        for (const part of parts) assert.ok(part.endsWith(token), `${part} in the answer to ${token}`);
        client?.close();
        client = undefined;
        outcomes.cut += 1;
      }
    }
    client?.close();
  }

  await Promise.all(Array.from({ length: CLIENTS }, runClient));
  assert.equal(outcomes.own + outcomes.refused + outcomes.cut + outcomes.aborted, REQUESTS);
  for (const [outcome, count] of Object.entries(outcomes)) assert.ok(count > 20, `${outcome}: ${count}`);
});

test("no request that the origin saw was one that nobody sent", () => {
  for (const { target, method, body } of [...upstream.requests, ...second.requests]) {
    const token = /^\/(?:api|pair)\/(t\d+t)$/.exec(target)?.[1];
    assert.ok(token !== undefined, target);
    assert.ok(method === "POST" || body.length === 0);
    for (const part of body.toString().split(";")) assert.ok(part === "" || part === token, `${part} in ${target}`);
  }
});
