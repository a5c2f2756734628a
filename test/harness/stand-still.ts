/**
 * Uploads and answers that stand still at the same time, on the same connections: three clients that read nothing, of
 * whose uploads the origin reads nothing. Then one upload after the other goes on, and one answer after the other.
 */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Client, head } from "./client.ts";
import { until } from "./held.ts";
import type { Origin, OriginConnection } from "./origin.ts";
import { ports } from "./ports.ts";

/** More than the kernel's buffers on both sides of the gateway take. */
const BYTES = 48 << 20;
const CLIENTS = 3;
const ENDLESS_BYTES = 1 << 30;
const BLOCK = Buffer.alloc(1 << 16, "x");
const STUCK_MS = 200;

const ANSWERS = {
  "Content-Length": { start: `HTTP/1.1 200 OK\r\nContent-Length: ${BYTES}\r\n\r\n`, end: "" },
  chunked: {
    start: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${BYTES.toString(16)}\r\n`,
    end: "\r\n0\r\n\r\n",
  },
};

/** @param path of a route to the origin that takes bodies of 1 GiB @param waitMs for each to go on */
export async function standStill(
  origin: Origin,
  path: string,
  framing: keyof typeof ANSWERS,
  waitMs?: number,
): Promise<void> {
  const { start, end } = ANSWERS[framing];
  let taken: OriginConnection | undefined;
  origin.onHead = async () => {
    taken = origin.connections.at(-1)!;
    taken.socket.pause();
    await new Promise(() => {});
  };
  const upload = async (bytes: number) => {
    taken = undefined;
    const client = await Client.open(ports.device);
    client.socket.pause();
    client.send(head(`PUT ${path}`, `Content-Length: ${bytes}`));
    const body = new Pouring(client.socket, bytes);
    await until(() => taken !== undefined, "the request");
    const { socket } = taken!;
    // Nobody keeps what it reads.
    socket.removeAllListeners("data");
    return { client, body, socket };
  };
  const all = [];
  for (let n = 0; n < CLIENTS; n++) all.push(await upload(BYTES));
  for (const { socket, body } of all) {
    await body.stuck();
    socket.write(start);
    await new Pouring(socket, BYTES, end).stuck();
  }
  // One that halts and goes on all the time, and has no answer: what uWebSockets.js notes of it is not for the others.
  const halting = await upload(ENDLESS_BYTES);
  halting.socket.on("data", () => {
    halting.socket.pause();
    setImmediate(() => halting.socket.resume());
  });
  halting.socket.resume();
  for (const { socket } of all) {
    socket.on("data", () => {}).resume();
    await until(() => socket.bytesRead > BYTES, "the upload", waitMs);
  }
  for (const { client } of all) {
    client.socket.resume();
    assert.equal((await client.answer()).body.length, BYTES);
  }
  assert.ok(halting.body.left > 0);
  for (const { client, socket } of [...all, halting]) {
    client.close();
    socket.destroy();
  }
}

/** Sends so many bytes as fast as they are taken, and a tail. */
export class Pouring {
  left: number;

  constructor(socket: Socket, bytes: number, tail = "") {
    this.left = bytes;
    const pour = (): void => {
      while (this.left > 0) {
        this.left -= BLOCK.length;
        const isTaken = socket.write(BLOCK);
        if (this.left === 0) socket.write(tail);
        else if (!isTaken) return;
      }
    };
    socket.on("drain", pour);
    pour();
  }

  /** Resolves when nothing was taken for a while, with some of it left. */
  async stuck(): Promise<void> {
    for (let before = -1; before !== this.left; ) {
      before = this.left;
      await new Promise((resolve) => setTimeout(resolve, STUCK_MS));
    }
    assert.ok(this.left > 0, "all of it was taken");
  }
}
