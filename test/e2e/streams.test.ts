/**
 * Bodies that take their time, in either direction or both: events, long polls, slow readers. What dribbles in goes out
 * at once, and only the route's own `idle` ends it, not a timer of uWebSockets.js (10 s, its own for each state). The
 * tests that take long run at the same time.
 */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { beforeEach, describe, test } from "node:test";
import { until } from "../harness/held.ts";
import { assertQuick } from "../harness/quick.ts";
import { Pouring, standStill } from "../harness/stand-still.ts";
import { QUICK_MS, REARMED_MS, UPSTREAMS } from "../harness/upstreams-gateway.ts";
import { ask, Client, device, Ended, get, head, type OriginConnection, ok, origin, ports } from "../harness.ts";

const upstream = await origin(ports.origin, /^the connection ended|^taken over/);
const gateway = await device(UPSTREAMS);

const AT_ONCE_MS = 100;
const LATE_MS = 600;
const CHUNKED = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

function chunkOf(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What the origin does for a path's last part; several tests run at once. */
const scripts = new Map<string, (connection: OriginConnection) => unknown>();

beforeEach(() =>
  upstream.script((request, connection) => scripts.get(request.target.split("/").at(-1)!)?.(connection)),
);

for (const [framing, start, wrap, end] of [
  ["chunked", CHUNKED, chunkOf, "0\r\n\r\n"],
  ["close-delimited", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", (text: string) => text, ""],
  ["Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n", (text: string) => text, ""],
] as const) {
  test(`events that dribble in ${framing}: each is with the client within ${AT_ONCE_MS} ms, the head with the first`, async () => {
    const sentAt: number[] = [];
    const lateMs: number[] = [];
    let seen = 0;
    scripts.set("events", async (connection) => {
      await connection.send(start);
      await sleep(300);
      for (let n = 0; n < 5; n++) {
        // None has another one to push it on.
        await until(() => seen === n, `event ${n - 1} with the client`);
        sentAt.push(performance.now());
        await connection.send(wrap(`data: ${n}\n\n`));
      }
      if (end !== "") await connection.send(end);
      else connection.end();
    });
    const client = (await Client.open(ports.device)).send(get("/plain/events"));
    for (let n = 0; n < 5; n++) {
      const text = (await client.reader.takeUntil(`data: ${n}\n\n`)).toString();
      if (n === 0) assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
      lateMs.push(performance.now() - sentAt[n]!);
      seen += 1;
    }
    const median = lateMs.toSorted((a, b) => a - b)[2]!;
    assert.ok(median < AT_ONCE_MS, `the events took ${lateMs.map(Math.round)} ms`);
    // Five events of 9 bytes are all that the one with a length has.
    if (framing !== "Content-Length") await client.reader.takeUntil("\r\n0\r\n\r\n");
    assert.equal(client.reader.waiting, 0);
    client.close();
  });
}

test("an upload and its answer run at the same time, piece by piece", async () => {
  const pieces = 20;
  const bytes = 1000;
  upstream.onHead = async (request, connection) => {
    if (!request.target.endsWith("duplex")) return;
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${1 + pieces * bytes}\r\n\r\n.`);
    for (let n = 0; n < pieces; n++) await connection.send(await connection.reader.take(bytes));
    throw new Error("taken over by the test");
  };
  const client = (await Client.open(ports.device)).send(head("PUT /plain/duplex", `Content-Length: ${pieces * bytes}`));
  await client.reader.takeUntil("\r\n\r\n.");
  for (let n = 0; n < pieces; n++) {
    const piece = Buffer.alloc(bytes, 97 + n);
    client.send(piece);
    assert.ok((await client.reader.take(bytes)).equals(piece), `piece ${n}`);
  }
  client.close();
});

test("16 MB up and down at the same time: neither direction waits for the other's end", async () => {
  const bytes = 16 << 20;
  upstream.onHead = async (request, connection) => {
    if (!request.target.endsWith("duplex")) return;
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
    for (let at = 0; at < bytes; at += 1 << 16) await connection.send(await connection.reader.take(1 << 16));
    throw new Error("taken over by the test");
  };
  const body = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 4) body.writeUInt32LE(at, at);
  const client = await Client.open(ports.device, { waitMs: 20_000 });
  client.send(head("PUT /plain/duplex", `Content-Length: ${bytes}`)).send(body);
  assert.ok((await client.answer()).body.equals(body));
  client.close();
});

for (const framing of ["Content-Length", "chunked"] as const) {
  test(`uploads and answers of several clients that all stand still go on one after the other, ${framing}`, () =>
    standStill(upstream, "/plain/both", framing));
}

for (const framing of ["Content-Length", "chunked"]) {
  test(`an upload and an answer that both stand still are ended after idle, ${framing}`, async () => {
    const bytes = 48 << 20;
    let answered: Promise<void> | undefined;
    upstream.onHead = async (_, { socket }) => {
      socket.pause();
      socket.write(
        framing === "chunked"
          ? `${CHUNKED}${bytes.toString(16)}\r\n`
          : `HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`,
      );
      answered = new Pouring(socket, bytes).stuck();
      await new Promise(() => {});
    };
    const client = await Client.open(ports.device);
    client.socket.pause();
    client.send(head("PUT /quick/both", `Content-Length: ${bytes}`));
    await new Pouring(client.socket, bytes).stuck();
    await until(() => answered !== undefined, "the request");
    await answered;
    await gateway.sees(({ inFlight }) => inFlight === 0, "its end");
    client.close();
  });
}

/** A client that reads nothing, on a socket whose kernel buffers fill. */
async function stalledReader(path: string): Promise<Client> {
  const client = await Client.open(ports.device);
  client.socket.pause();
  return client.send(get(path));
}

for (const framing of ["Content-Length", "chunked"]) {
  test(`a reader that takes nothing any more is cut after idle, ${framing}`, async () => {
    let connection: OriginConnection | undefined;
    let start = 0;
    scripts.set("big", async (taken) => {
      connection = taken;
      start = performance.now();
      const block = Buffer.alloc(1 << 20, "x");
      await taken.send(framing === "chunked" ? CHUNKED : "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
      for (let n = 0; n < 64 && !taken.socket.destroyed; n++) {
        if (framing === "chunked") await taken.send("100000\r\n");
        await taken.send(block);
        if (framing === "chunked") await taken.send("\r\n");
      }
    });
    await assertQuick(QUICK_MS + LATE_MS + 500, async () => {
      connection = undefined;
      const client = await stalledReader("/quick/big");
      await until(() => connection !== undefined, "the request");
      await connection!.closed;
      const tookMs = performance.now() - start;
      assert.ok(tookMs >= QUICK_MS, `${tookMs.toFixed()} ms`);
      client.socket.resume();
      await assert.rejects(client.answer(), Ended, "the client can tell that its answer is not complete");
      client.close();
      return tookMs;
    });
  });
}

test("an origin that takes no more of an upload is given up after idle: 504, for it was not the client", async () => {
  upstream.onHead = (_, connection) => {
    connection.socket.pause();
    return sleep(3000);
  };
  await assertQuick(QUICK_MS + LATE_MS + 500, async () => {
    const client = await Client.open(ports.device);
    const start = performance.now();
    client.send(head("PUT /quick/stuck", "Content-Length: 67108864")).send(Buffer.alloc(67_108_864));
    const answer = await client.answer();
    const tookMs = performance.now() - start;
    assert.equal(answer.status, 504, answer.body.toString());
    assert.ok(tookMs >= QUICK_MS, `${tookMs.toFixed()} ms`);
    client.close();
    await upstream.drop();
    return tookMs;
  });
});

test("an upload that stops, beside an answer that does, is cut after idle", async () => {
  upstream.onHead = (_, connection) => connection.send(`${CHUNKED}${chunkOf("data: 0\n\n")}`);
  await assertQuick(REARMED_MS + LATE_MS, async () => {
    const client = await Client.open(ports.device);
    client.send(`${head("PUT /rearmed/stops", "Content-Length: 9")}half`);
    await client.reader.takeUntil("data: 0\n\n");
    const start = performance.now();
    await client.ended();
    const tookMs = performance.now() - start;
    assert.ok(tookMs >= REARMED_MS - AT_ONCE_MS, `${tookMs.toFixed()} ms`);
    client.close();
    return tookMs;
  });
});

test("events that stop are cut after idle, the client can tell", async () => {
  scripts.set("stops", (connection) => connection.send(`${CHUNKED}${chunkOf("data: 0\n\n")}`));
  await assertQuick(QUICK_MS + LATE_MS, async () => {
    const client = await Client.open(ports.device);
    const start = performance.now();
    await assert.rejects(client.send(get("/quick/stops")).answer(), Ended);
    const tookMs = performance.now() - start;
    assert.ok(tookMs >= QUICK_MS, `${tookMs.toFixed()} ms`);
    client.close();
    return tookMs;
  });
});

/** Takes at most 20 KB in a second, and what the kernel holds for it stays where it is. */
class SlowSocket {
  readonly socket: Socket;
  bytes = 0;
  private pace: NodeJS.Timeout | undefined;
  readonly ended: Promise<void>;
  /** The answer's first bytes. */
  start = "";
  /** Its last 16. */
  end = "";
  private fast = false;

  constructor(path: string) {
    this.socket = connect({
      host: "127.0.0.1",
      port: ports.device,
      onread: {
        buffer: Buffer.alloc(2000),
        callback: (bytes, buffer) => {
          this.bytes += bytes;
          const text = Buffer.from(buffer.subarray(0, bytes)).toString("latin1");
          if (this.start === "") this.start = text;
          this.end = (this.end + text).slice(-16);
          return this.fast;
        },
      },
    });
    this.socket.write(get(path));
    this.pace = setInterval(() => this.socket.resume(), 100);
    this.ended = new Promise((resolve) => this.socket.on("close", () => resolve()));
    this.socket.on("error", () => {});
  }

  /** From now on as fast as it comes. */
  hurry(): void {
    clearInterval(this.pace);
    this.fast = true;
    this.socket.resume();
  }

  stop(): void {
    clearInterval(this.pace);
    this.socket.destroy();
  }
}

const BIG_BYTES = 16 << 20;
const SLOW_MS = 15_000;

describe("far beyond the 10 s of uWebSockets.js", { concurrency: true }, () => {
  for (const framing of ["Content-Length", "chunked"]) {
    test(`20 KB in a second for ${SLOW_MS / 1000} s, then the rest: whole, ${framing}`, async () => {
      const name = `slow-${framing}`;
      scripts.set(name, async (connection) => {
        if (framing === "Content-Length") await connection.send(ok(Buffer.alloc(BIG_BYTES, "x")));
        else {
          const body = Buffer.alloc(BIG_BYTES, "x");
          await connection.send(CHUNKED + BIG_BYTES.toString(16));
          await connection.send(Buffer.concat([Buffer.from("\r\n"), body, Buffer.from("\r\n0\r\n\r\n")]));
        }
      });
      const slow = new SlowSocket(`/plain/${name}`);
      await sleep(SLOW_MS);
      assert.equal(slow.socket.destroyed, false, `cut after ${slow.bytes} bytes`);
      assert.ok(slow.bytes > 100_000 && slow.bytes < 1_000_000, `${slow.bytes} bytes in ${SLOW_MS} ms`);
      slow.hurry();
      const headBytes = slow.start.indexOf("\r\n\r\n") + 4;
      const isWhole = framing === "chunked" ? /0\r\n\r\n$/ : /x$/;
      await until(() => slow.bytes >= headBytes + BIG_BYTES && isWhole.test(slow.end), "the rest", 20_000);
      if (framing === "Content-Length") assert.equal(slow.bytes, headBytes + BIG_BYTES);
      slow.stop();
    });
  }

  test("a long poll of 12 s", async () => {
    scripts.set("poll", async (connection) => {
      await sleep(12_000);
      await connection.send(ok("at last"));
    });
    assert.equal((await ask(ports.device, get("/plain/poll"))).body.toString(), "at last");
  });

  test("an event every 4 s, then silence for 12 s, then one more", async () => {
    scripts.set("rare", async (connection) => {
      await connection.send(`${CHUNKED}${chunkOf("data: 0\n\n")}`);
      await sleep(4000);
      await connection.send(chunkOf("data: 1\n\n"));
      await sleep(12_000);
      await connection.send(`${chunkOf("data: 2\n\n")}0\r\n\r\n`);
    });
    const client = await Client.open(ports.device, { waitMs: 20_000 });
    const answer = await client.send(get("/plain/rare")).answer();
    assert.equal(answer.body.toString(), "data: 0\n\ndata: 1\n\ndata: 2\n\n");
    client.close();
  });

  test("an upload that pauses for 12 s", async () => {
    scripts.set("pause", (connection) => connection.send(ok("whole")));
    const client = await Client.open(ports.device, { waitMs: 20_000 });
    client.send(`${head("PUT /plain/pause", "Content-Length: 8")}half`);
    await sleep(12_000);
    assert.equal((await client.send("rest").answer()).body.toString(), "whole");
    assert.equal(upstream.requests.find(({ target }) => target.endsWith("pause"))!.body.toString(), "halfrest");
    client.close();
  });
});
