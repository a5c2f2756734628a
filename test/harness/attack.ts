/**
 * An attack on a gateway's memory: every limit exceeded at once, by clients that send too much, never read or never end,
 * and by an origin that sends without end or reads nothing.
 */
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, get, head } from "./client.ts";

/** As the attack wants the gateway's limits, for all of its parts to reach them. */
export const ATTACKED_LIMITS = { connections: 256, in_flight: 64, header_bytes: "8KiB" };

const HEAD_BYTES = 8192;
/** Of an attacker's connection. */
const LIFE_MS = 5000;

/** Reads nothing of /stuck, answers nothing to /held, sends without end to /chunks and /bytes, "ok" to all others. */
export function startAttackedOrigin(port: number): Promise<() => void> {
  const sockets = new Set<Socket>();
  const block = Buffer.alloc(64 << 10, "x");
  const chunk = Buffer.concat([Buffer.from(`${block.length.toString(16)}\r\n`), block, Buffer.from("\r\n")]);
  const stream = (socket: Socket, start: string, piece: Buffer) => {
    socket.write(start);
    const more = () => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on("drain", more);
    more();
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    socket.on("data", (data) => {
      const target = data.toString("latin1").split(" ")[1] ?? "";
      if (target.startsWith("/stuck")) socket.pause();
      else if (target.startsWith("/chunks")) {
        stream(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk);
      } else if (target.startsWith("/bytes")) {
        stream(socket, "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", block);
      } else if (!target.startsWith("/held")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
  });
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return new Promise((resolve) => server.listen(port, "127.0.0.1", 1024, () => resolve(close)));
}

const long = "q".repeat(HEAD_BYTES - 300);
/** Together more than all socket buffers on the way take, so that windows fill as well. */
const body: Buffer[] = Array(16).fill(Buffer.alloc(1 << 20, "b"));
/** What attackers send once connected, and then no more; none of them reads. */
const ATTACKS: readonly (readonly [count: number, bytes: readonly (string | Buffer)[]])[] = [
  [120, [`GET /unfinished HTTP/1.1\r\nHost: localhost\r\nX-Long: ${long}`]],
  [20, [head("PUT /stuck", `Content-Length: ${1 << 30}`), ...body]],
  [20, [head("PUT /stuck", "Transfer-Encoding: chunked"), `${(16 << 20).toString(16)}\r\n`, ...body]],
  [40, [get("/chunks")]],
  [40, [get("/bytes")]],
  [40, [get("/held", `X-Long: ${long}`)]],
  [40, [get(`/held?${"q".repeat(HEAD_BYTES / 2 - 10)}`)]],
];

/** Opens the attack's connections again and again for as long as they are closed. */
export function startAttack(port: number): { stop: () => void; opened: () => number } {
  let stopped = false;
  let opened = 0;
  const sockets = new Set<Socket>();
  const open = (bytes: readonly (string | Buffer)[]) => {
    if (stopped) return;
    const socket = connect({ host: "127.0.0.1", port });
    opened += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("connect", () => {
      socket.pause();
      for (const piece of bytes) socket.write(piece);
    });
    // A paused socket would not notice that it was closed, so each is given up after a while.
    const given = setTimeout(() => socket.resetAndDestroy(), LIFE_MS * (0.5 + Math.random()));
    socket.on("close", () => {
      clearTimeout(given);
      sockets.delete(socket);
      setTimeout(() => open(bytes), 50);
    });
  };
  for (const [count, bytes] of ATTACKS) for (let n = 0; n < count; n++) open(bytes);
  return {
    opened: () => opened,
    stop: () => {
      stopped = true;
      for (const socket of sockets) socket.resetAndDestroy();
    },
  };
}

/** Small requests, one after the other, with heads that leave much to collect. */
export async function keepBusy(port: number, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const client = await Client.open(port).catch(() => undefined);
    try {
      while (!isOver() && client !== undefined) {
        await client.send(get("/ok", `X-Long: ${long}`)).answer();
        client.reader.taken = [];
      }
    } catch {
      await sleep(20);
    }
    client?.close();
  }
}

/** What becomes of one small request: its status, or "closed". */
export async function probe(port: number): Promise<string> {
  try {
    const client = await Client.open(port, { waitMs: 4000 });
    try {
      return String((await client.send(get("/ok")).answer()).status);
    } finally {
      client.close();
    }
  } catch {
    return "closed";
  }
}
