/** A slow reader slows its source: 64 MB pass with equal bytes, and the process grows by a window, not by the body. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { test } from "node:test";
import { Client, device, GATEWAY, get, head, ok, origin, ports } from "../harness.ts";

const upstream = await origin(ports.origin);
const gateway = await device(GATEWAY);

const body = randomBytes(64 << 20);
const GROWTH_BYTES_MAX = 16 << 20;

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Lets a socket be read for 1 ms out of 5, and watches the device's memory meanwhile. */
class SlowReading {
  private readonly timer: NodeJS.Timeout;
  private readonly socket: Socket;
  private readonly before = gateway.privateBytes();
  private growth = 0;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.pause();
    let step = 0;
    this.timer = setInterval(() => {
      step += 1;
      if (step % 5 === 0) socket.resume();
      else socket.pause();
      this.growth = Math.max(this.growth, gateway.privateBytes() - this.before);
    }, 1);
  }

  stop(): void {
    clearInterval(this.timer);
    this.socket.resume();
    assert.ok(this.growth < GROWTH_BYTES_MAX, `RssAnon grew by ${this.growth >> 20} MiB`);
  }
}

function inChunks(bytes: Buffer, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n"));
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}

const answers: [string, Buffer][] = [
  ["Content-Length", ok(body)],
  [
    "chunked",
    Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), inChunks(body, 40_000)]),
  ],
];
for (const [framing, answer] of answers) {
  test(`a slow reader of 64 MB under ${framing}`, async () => {
    let sentAll = false;
    upstream.script(async (_, connection) => {
      for (let at = 0; at < answer.length; at += 1 << 20) await connection.send(answer.subarray(at, at + (1 << 20)));
      sentAll = true;
    });
    const client = await Client.open(ports.device, { waitMs: 60_000 });
    client.socket.pause();
    client.send(get("/api/big"));
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(sentAll, false, "while nobody reads the origin is held up");
    const slow = new SlowReading(client.socket);
    const { body: received } = await client.answer().finally(() => slow.stop());
    assert.equal(sha256(received), sha256(body));
    client.close();
  });
}

const uploads: [string, string, Buffer][] = [
  ["Content-Length", `Content-Length: ${body.length}`, body],
  ["chunked", "Transfer-Encoding: chunked", inChunks(body, 40_000)],
];
for (const [framing, field, bytes] of uploads) {
  test(`a slow origin with an upload of 64 MB under ${framing}`, async () => {
    let slow: SlowReading | undefined;
    upstream.script(
      (request, connection) => connection.send(ok(sha256(request.body))),
      (_, connection) => {
        slow = new SlowReading(connection.socket);
      },
    );
    const client = await Client.open(ports.device, { waitMs: 60_000 });
    client.send(head("PUT /upload/x", field)).send(bytes);
    const answer = await client.answer().finally(() => slow?.stop());
    assert.equal(answer.body.toString(), sha256(body));
    client.close();
  });
}

test("16 slow readers at once cost a window each, and each gets its own bytes", async () => {
  const readers = 16;
  const bytes = 4 << 20;
  upstream.script((request, connection) => {
    const mark = Number(request.target.split("/").at(-1));
    return connection.send(ok(Buffer.alloc(bytes, mark)));
  });
  const before = gateway.privateBytes();
  const clients = await Promise.all(Array.from({ length: readers }, () => Client.open(ports.device)));
  clients.forEach((client, n) => {
    client.socket.pause();
    client.send(get(`/api/${n}`));
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  const growth = gateway.privateBytes() - before;
  assert.ok(growth < readers * (1 << 20) + (8 << 20), `RssAnon grew by ${growth >> 20} MiB`);
  for (const [n, client] of clients.entries()) {
    client.socket.resume();
    const { body: received } = await client.answer();
    assert.ok(received.equals(Buffer.alloc(bytes, n)), `reader ${n}`);
    client.close();
  }
});
