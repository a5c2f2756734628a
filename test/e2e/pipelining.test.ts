/**
 * Several requests on one upstream connection: each answer goes to the client that asked, whatever becomes of the
 * others. Requests are sent one by one, so that their order on the connection is known.
 */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Held, until } from "../harness/held.ts";
import { assertQuick } from "../harness/quick.ts";
import { STALLED_HEADER_MS, STALLED_MS, UPSTREAMS } from "../harness/upstreams-gateway.ts";
import { type Answer, Client, device, fieldOf, get, head, ok, origin, ports } from "../harness.ts";

const upstream = await origin(ports.origin, /^the connection ended/);
const gateway = await device(UPSTREAMS);

const LARGE_BYTES = 200_000;
let held: Held;

beforeEach(startAnew);

async function startAnew(): Promise<void> {
  await upstream.drop();
  held = new Held(upstream);
}

/** Has one request answered on a new connection, which is a reused one for those that follow. */
async function warm(route = "four"): Promise<void> {
  const client = await send(`GET /${route}/warm`);
  const [first] = await held.take(1);
  await first!.connection.send(ok("warm"));
  assert.equal((await client.answer()).body.toString(), "warm");
  client.close();
  held.all.length = 0;
}

async function send(start: string): Promise<Client> {
  return (await Client.open(ports.device)).send(head(start));
}

/** One client for each token, their requests on one connection in this order. */
async function sendInOrder(route: string, tokens: readonly string[]): Promise<Client[]> {
  const clients: Client[] = [];
  for (const token of tokens) {
    clients.push(await send(`GET /${route}/${token}`));
    await held.take(clients.length);
  }
  assert.equal(new Set(held.all.map(({ connection }) => connection)).size, 1, "all on one connection");
  assert.deepEqual(
    held.all.map(({ token }) => token),
    tokens,
  );
  return clients;
}

/** Answers those that come from now on with their own token. */
function answerTheRest(): void {
  upstream.handler = (request, connection) => {
    const token = request.target.split("/").at(-1)!;
    held.all.push({ request, connection, token });
    return connection.send(ok(token));
  };
}

async function assertToken(client: Client, token: string): Promise<void> {
  const answer = await client.answer();
  assert.equal(answer.status, 200, `${token}: ${answer.head}${answer.body}`);
  assert.equal(answer.body.toString(), token);
  assert.equal(client.reader.waiting, 0, "nothing behind the answer");
  client.close();
}

function codeOf(answer: Answer): string {
  return JSON.parse(answer.body.toString()).code;
}

/** Until the gateway has seen that clients have gone, and so many are left. */
async function untilLeft(count: number): Promise<void> {
  await gateway.sees(({ connections }) => connections === count, `that ${count} clients are left`);
}

async function assertFault(client: Client, status: number, code: string): Promise<void> {
  const answer = await client.answer();
  assert.equal(answer.status, status, answer.head);
  assert.equal(codeOf(answer), code);
  client.close();
}

test("sixteen GETs go on one connection, and their answers in one segment reach those who asked", async () => {
  const tokens = Array.from({ length: 16 }, (_, n) => `t${n}`);
  const clients = await sendInOrder("deep", tokens);
  await held.all[0]!.connection.send(Buffer.concat(tokens.map((token) => ok(token))));
  for (const [n, client] of clients.entries()) await assertToken(client, tokens[n]!);
});

test("requests of one moment, on a connection that is only being opened, keep their order", async () => {
  const tokens = Array.from({ length: 8 }, (_, n) => `t${n}`);
  const clients = await Promise.all(tokens.map(() => Client.open(ports.device)));
  answerTheRest();
  for (const [n, client] of clients.entries()) client.send(get(`/deep/${tokens[n]}`));
  for (const [n, client] of clients.entries()) await assertToken(client, tokens[n]!);
});

test("never more unanswered requests on a connection than the depth; the others wait and are served", async () => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => Client.open(ports.device)));
  const unanswered = new Map<number, number>();
  let most = 0;
  upstream.script((request, connection) => {
    const count = (unanswered.get(connection.number) ?? 0) + 1;
    unanswered.set(connection.number, count);
    most = Math.max(most, count);
    setTimeout(() => {
      // Only timers of one length, which fire in order.
      unanswered.set(connection.number, unanswered.get(connection.number)! - 1);
      void connection.send(ok(request.target.split("/").at(-1)!));
    }, 100);
  });
  for (const [n, client] of clients.entries()) client.send(get(`/fours/t${n}`));
  for (const [n, client] of clients.entries()) await assertToken(client, `t${n}`);
  assert.equal(most, 4);
  assert.equal(unanswered.size, 2);
});

/** What the origin says to token `n`, in every framing an answer can have on a connection that goes on. */
function answerTo(n: number, method: string): string {
  const token = `X-Token: t${n}`;
  const body = `t${n};`.repeat(n % 50 === 3 ? LARGE_BYTES / 5 : n % 700);
  const headed = method === "HEAD";
  switch (n % 8) {
    case 0:
      return `HTTP/1.1 204 No Content\r\n${token}\r\n\r\n`;
    case 1:
      return `HTTP/1.1 304 Not Modified\r\n${token}\r\nContent-Length: 17\r\n\r\n`;
    case 2:
      return `HTTP/1.1 200 OK\r\n${token}\r\nContent-Length: 0\r\n\r\n`;
    case 3:
    case 4: {
      const middle = body.length >> 1;
      const chunk = (text: string): string => (text === "" ? "" : `${text.length.toString(16)}\r\n${text}\r\n`);
      const chunks = headed ? "" : `${chunk(body.slice(0, middle))}${chunk(body.slice(middle))}0\r\nT: x\r\n\r\n`;
      return `HTTP/1.1 200 OK\r\n${token}\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`;
    }
    case 5:
      return `HTTP/1.1 103 Early Hints\r\nX-Token: no\r\n\r\nHTTP/1.1 200 OK\r\n${token}\r\nContent-Length: 2\r\n\r\n${headed ? "" : "ok"}`;
    default:
      return `HTTP/1.1 200 OK\r\n${token}\r\nContent-Length: ${body.length}\r\n\r\n${headed ? "" : body}`;
  }
}

test("2,000 requests over four connections, answers of every kind, many in one write: each client gets its own", async () => {
  const requests = 2000;
  const waiting = new Map<number, string[]>();
  upstream.script((request, connection) => {
    const n = Number(request.target.split("/t").at(-1));
    const list = waiting.get(connection.number) ?? [];
    waiting.set(connection.number, list);
    list.push(answerTo(n, request.method));
    if (list.length > 1) return;
    setTimeout(() => void connection.send(list.splice(0).join("")), n % 4);
  });
  const before = upstream.connections.length;
  let next = 0;
  async function runClient(): Promise<void> {
    const client = await Client.open(ports.device);
    while (next < requests) {
      const n = next;
      next += 1;
      const method = n % 7 === 0 ? "HEAD" : "GET";
      const answer = await client.send(head(`${method} /deep/t${n}`)).answer(method);
      assert.equal(fieldOf(answer, "x-token"), `t${n}`);
      const wanted = answerTo(n, method).split("\r\n\r\n");
      const status = wanted.at(n % 8 === 5 ? 1 : 0)!.slice(9, 12);
      assert.equal(String(answer.status), status);
      const text = answer.body.toString();
      if (method === "HEAD" || n % 8 < 3) assert.equal(text, "");
      else if (n % 8 === 5) assert.equal(text, "ok");
      else assert.equal(text, `t${n};`.repeat(n % 50 === 3 ? LARGE_BYTES / 5 : n % 700));
    }
    client.close();
  }
  await Promise.all(Array.from({ length: 50 }, runClient));
  assert.ok(upstream.connections.length - before <= 4, `${upstream.connections.length - before} connections`);
});

for (const field of ["Connection: close", undefined]) {
  const name = field === undefined ? "without a word" : `with ${field}`;
  test(`the origin closes after two of four answers ${name}: the other two are sent again, nobody notices`, async () => {
    const tokens = ["a", "b", "c", "d"];
    const clients = await sendInOrder("four", tokens);
    const { connection } = held.all[0]!;
    answerTheRest();
    await connection.send(Buffer.concat([ok("a"), ok("b", ...(field === undefined ? [] : [field]))]));
    connection.end();
    for (const [n, client] of clients.entries()) await assertToken(client, tokens[n]!);
    assert.deepEqual(
      tokens.map((token) => held.timesOf(token)),
      [1, 1, 2, 2],
    );
  });
}

test("an answer with Connection: close ends it for those behind, even if the origin leaves it open", async () => {
  const clients = await sendInOrder("four", ["a", "b", "c"]);
  const { connection } = held.all[0]!;
  answerTheRest();
  // What stands behind the last answer of a connection is not one.
  await connection.send(Buffer.concat([ok("a", "Connection: close"), ok("not-b"), ok("not-c")]));
  for (const [n, client] of clients.entries()) await assertToken(client, ["a", "b", "c"][n]!);
  await connection.closed;
});

for (const k of [1, 3, 4, 9]) {
  test(`an origin that closes after every ${k} answers: 120 requests of 12 clients without an error`, async () => {
    const answered = new Map<number, number>();
    upstream.script(async (request, connection) => {
      const count = (answered.get(connection.number) ?? 0) + 1;
      answered.set(connection.number, count);
      if (count > k) return;
      await connection.send(ok(request.target.split("/").at(-1)!));
      if (count === k) connection.end();
    });
    const outcomes = { own: 0 };
    await Promise.all(
      Array.from({ length: 12 }, async (_, c) => {
        const client = await Client.open(ports.device);
        for (let n = 0; n < 10; n++) {
          const answer = await client.send(get(`/fours/t${c}-${n}`)).answer();
          const outcome = answer.body.toString() === `t${c}-${n}` ? "own" : `${answer.status} ${answer.body}`;
          Object.assign(outcomes, { [outcome]: (outcomes[outcome as "own"] ?? 0) + 1 });
        }
        client.close();
      }),
    );
    assert.deepEqual(outcomes, { own: 120 });
  });
}

test("the origin closes twice without an answer: 502 for all, and each was sent twice, not more", async () => {
  await warm();
  const tokens = ["a", "b", "c", "d"];
  const clients = await sendInOrder("four", tokens);
  held.all[0]!.connection.end();
  // What is sent again goes alone, on a fresh connection each.
  for (const sent of [5, 6, 7, 8]) (await held.take(sent))[sent - 1]!.connection.end();
  for (const client of clients) await assertFault(client, 502, "upstream_closed");
  assert.deepEqual(
    tokens.map((token) => held.timesOf(token)),
    [2, 2, 2, 2],
  );
});

test("a reset in the middle of an answer cuts that one, those behind are sent again", async () => {
  const clients = await sendInOrder("four", ["a", "b", "c", "d"]);
  const { connection } = held.all[0]!;
  answerTheRest();
  await connection.send(Buffer.concat([ok("a"), Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")]));
  await assertToken(clients[0]!, "a");
  await clients[1]!.reader.takeUntil("half");
  connection.reset();
  await clients[1]!.ended();
  await assertToken(clients[2]!, "c");
  await assertToken(clients[3]!, "d");
});

const ALONE: [string, string][] = [
  ["POST", "Content-Length: 4\r\n\r\nbody"],
  ["POST", "Content-Length: 0\r\n\r\n"],
  ["PUT", "Content-Length: 4\r\n\r\nbody"],
  ["DELETE", "\r\n"],
  ["PATCH", "\r\n"],
  ["GET", "Content-Length: 4\r\n\r\nbody"],
];
for (const [method, rest] of ALONE) {
  const start = `${method} /deep/alone HTTP/1.1\r\nHost: localhost\r\n${rest}`;
  test(`${JSON.stringify(`${method} ${rest}`)} has its connection for itself, before and behind`, async () => {
    const before = await send("GET /deep/before");
    await held.take(1);
    const alone = (await Client.open(ports.device)).send(start);
    await held.take(2);
    const behind = await send("GET /deep/behind");
    const [first, second, third] = await held.take(3);
    assert.notEqual(second!.connection, first!.connection);
    assert.notEqual(second!.connection, third!.connection);
    for (const each of [first!, second!, third!]) await each.connection.send(ok(each.token));
    await assertToken(before, "before");
    await assertToken(alone, "alone");
    await assertToken(behind, "behind");
  });
}

for (const [method, rest] of ALONE.slice(0, 3)) {
  test(`${JSON.stringify(`${method} ${rest}`)} is never sent again: 502`, async () => {
    await warm("deep");
    const client = (await Client.open(ports.device)).send(
      `${method} /deep/once HTTP/1.1\r\nHost: localhost\r\n${rest}`,
    );
    const [once] = await held.take(1);
    answerTheRest();
    once!.connection.end();
    await assertFault(client, 502, "upstream_closed");
    assert.equal(held.timesOf("once"), 1);
  });
}

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const large = "x".repeat(LARGE_BYTES);
const unwanted: [string, string][] = [
  ["small", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngone"],
  ["large", `HTTP/1.1 200 OK\r\nContent-Length: ${LARGE_BYTES}\r\n\r\n${large}`],
  ["chunked", `${CHUNKED}4\r\ngone\r\n0\r\nT: x\r\n\r\n`],
  ["large and chunked", `${CHUNKED}${LARGE_BYTES.toString(16)}\r\n${large}\r\n0\r\n\r\n`],
  ["204", "HTTP/1.1 204 No Content\r\n\r\n"],
  ["interim and small", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngone"],
];
for (const [kind, bytes] of unwanted) {
  for (const gone of [0, 1, 3]) {
    test(`client ${gone} of 4 aborts: its ${kind} answer is dropped, the others' answers are theirs`, async () => {
      const tokens = ["a", "b", "c", "d"];
      const clients = await sendInOrder("four", tokens);
      const { connection } = held.all[0]!;
      clients[gone]!.reset();
      await untilLeft(3);
      answerTheRest();
      const answers = tokens.map((token, n) => (n === gone ? Buffer.from(bytes) : ok(token)));
      await connection.send(Buffer.concat(answers));
      for (const [n, client] of clients.entries()) if (n !== gone) await assertToken(client, tokens[n]!);
      assert.equal(held.all.length, 4, "nothing had to be sent again");
    });
  }
}

test("an aborted HEAD is answered without a body, whatever its length says", async () => {
  const first = await send("GET /four/a");
  await held.take(1);
  const gone = await send("HEAD /four/gone");
  await held.take(2);
  const last = await send("GET /four/c");
  await held.take(3);
  gone.reset();
  await untilLeft(2);
  const { connection } = held.all[0]!;
  await connection.send(Buffer.concat([ok("a"), Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), ok("c")]));
  await assertToken(first, "a");
  await assertToken(last, "c");
});

for (const [kind, bytes] of [
  ["close-delimited", "HTTP/1.1 200 OK\r\n\r\nuntil the end"],
  ["malformed", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"],
]) {
  test(`a client aborts and its answer is ${kind}: the others are sent again`, async () => {
    const tokens = ["a", "b", "c", "d"];
    const clients = await sendInOrder("four", tokens);
    const { connection } = held.all[0]!;
    clients[1]!.reset();
    await untilLeft(3);
    answerTheRest();
    await connection.send(Buffer.concat([ok("a"), Buffer.from(bytes!)]));
    await connection.closed;
    for (const n of [0, 2, 3]) await assertToken(clients[n]!, tokens[n]!);
    assert.equal(held.timesOf("b"), 1, "what nobody waits for is not sent again");
  });
}

test("a client aborts in the middle of its answer: those behind still get theirs", async () => {
  const clients = await sendInOrder("four", ["a", "b", "c"]);
  const { connection } = held.all[0]!;
  answerTheRest();
  await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
  await clients[0]!.reader.takeUntil("half");
  clients[0]!.reset();
  await untilLeft(2);
  await connection.send(Buffer.concat([Buffer.from("rest"), ok("b"), ok("c")]));
  await assertToken(clients[1]!, "b");
  await assertToken(clients[2]!, "c");
});

test("all clients of a connection abort: it serves nobody else before it is in order again", async () => {
  const clients = await sendInOrder("four", ["a", "b", "c"]);
  const { connection } = held.all[0]!;
  for (const client of clients) client.reset();
  await untilLeft(0);
  answerTheRest();
  const next = await send("GET /four/next");
  await connection.send(Buffer.concat([ok("a"), ok("b"), ok("c")]));
  await assertToken(next, "next");
});

test("an answer that never comes times out alone; those behind it are sent again elsewhere", async () => {
  await assertQuick(STALLED_HEADER_MS + 600, async () => {
    await startAnew();
    const tokens = ["a", "stuck", "c", "d"];
    // Together, so that nobody's time has a start of its own; `sendInOrder` keeps their order.
    const clients = await sendInOrder("stalled-four", tokens);
    const { connection } = held.all[0]!;
    upstream.handler = (request, other) => other.send(ok(request.target.split("/").at(-1)!));
    await connection.send(ok("a"));
    await assertToken(clients[0]!, "a");
    const start = performance.now();
    await assertFault(clients[1]!, 504, "response_header_timeout");
    const tookMs = performance.now() - start;
    await assertToken(clients[2]!, "c");
    await assertToken(clients[3]!, "d");
    await connection.closed;
    return tookMs;
  });
});

const malformed: [string, string][] = [
  ["a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
  ["a length and chunks", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["no answer at all", "hello\r\n\r\n"],
  ["a bad first chunk", `${CHUNKED}z\r\n`],
];
for (const [what, bytes] of malformed) {
  test(`a malformed answer in the middle (${what}): 502 for that one, the others are served`, async () => {
    const clients = await sendInOrder("four", ["a", "b", "c", "d"]);
    const { connection } = held.all[0]!;
    answerTheRest();
    // What follows it belongs to nobody, well-formed or not.
    await connection.send(Buffer.concat([ok("a"), Buffer.from(bytes), ok("not-c"), ok("not-d")]));
    await assertToken(clients[0]!, "a");
    await assertFault(clients[1]!, 502, "upstream_malformed");
    await assertToken(clients[2]!, "c");
    await assertToken(clients[3]!, "d");
    await connection.closed;
  });
}

for (const apartMs of [0, 50]) {
  test(`an answer that nobody asked for, ${apartMs} ms behind the last: the connection is closed`, async () => {
    const clients = await sendInOrder("four", ["a", "b"]);
    const { connection } = held.all[0]!;
    answerTheRest();
    if (apartMs === 0) await connection.send(Buffer.concat([ok("a"), ok("b"), ok("unasked")]));
    else {
      await connection.send(Buffer.concat([ok("a"), ok("b")]));
      await new Promise((resolve) => setTimeout(resolve, apartMs));
      await connection.send(ok("unasked"));
    }
    await connection.closed;
    await assertToken(clients[0]!, "a");
    await assertToken(clients[1]!, "b");
    await assertToken(await send("GET /four/next"), "next");
  });
}

test("a slow reader holds those behind it no longer than it reads, and nothing is mixed up", async () => {
  const clients = await sendInOrder("four", ["a", "b", "c"]);
  const bytes = Buffer.alloc(8 << 20, "a");
  clients[0]!.socket.pause();
  const sending = held.all[0]!.connection.send(Buffer.concat([ok(bytes), ok("b"), ok("c")]));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(clients[1]!.reader.waiting, 0, "HTTP/1.1 keeps the order");
  clients[0]!.socket.resume();
  const answer = await clients[0]!.answer();
  assert.ok(answer.body.equals(bytes));
  await assertToken(clients[1]!, "b");
  await assertToken(clients[2]!, "c");
  await sending;
  clients[0]!.close();
});

test("a reader that stalls is cut after its idle limit, and those behind it are served", async () => {
  await assertQuick(STALLED_MS + 1400, async () => {
    await startAnew();
    const clients = await sendInOrder("stalled-four", ["a", "b", "c"]);
    const { connection } = held.all[0]!;
    upstream.handler = (request, other) => other.send(ok(request.target.split("/").at(-1)!));
    clients[0]!.socket.pause();
    const start = performance.now();
    void connection.send(Buffer.concat([ok(Buffer.alloc(32 << 20, "a")), ok("b"), ok("c")]));
    await assertToken(clients[1]!, "b");
    await assertToken(clients[2]!, "c");
    const tookMs = performance.now() - start;
    await until(() => connection.socket.destroyed || connection.socket.readableEnded, "the connection is closed");
    clients[0]!.close();
    return tookMs;
  });
});
