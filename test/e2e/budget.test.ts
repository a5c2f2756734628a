/**
 * The promise of a budget, attacked: the executable in a memory cgroup of just the sum that its build states, and with
 * just as many file descriptors, while every limit is exceeded at once. It must not be killed, must answer 503 or close
 * where it must, and serve as before afterwards. `ATTACK_SECONDS=60` (make attack) for long.
 *
 * Without root there is no cgroup: then only the process's private memory is compared with its part of the sum.
 */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { atEnd } from "../harness/at-end.ts";
import { MemoryCgroup } from "../harness/memory-cgroup.ts";
import { Client, Device, get, head, hostTarget, pack, ports, runFolder } from "../harness.ts";

const ATTACK_MS = Number(process.env.ATTACK_SECONDS ?? 8) * 1000;
const CONNECTIONS = 256;
const IN_FLIGHT = 64;
const HEAD_BYTES = 8192;
/** Clients that behave, but never rest. */
const BUSY = 4;
/** Of an attacker's connection. */
const LIFE_MS = 5000;

const ROUTES = {
  version: 1,
  name: "budget",
  defaults: {
    timeouts: { connect: "1s", queue: "500ms", response_header: "2s", request: "60s", idle: "3s" },
    limits: { body: "1GiB" },
  },
  upstreams: {
    api: { endpoints: [{ url: `http://127.0.0.1:${ports.origin}` }], connections: { max: 48, max_waiting: 16 } },
  },
  routes: [
    { name: "all", match: { path: "/*" }, upstream: "api" },
    { name: "fixed", match: { path: "/fixed" }, respond: { status: 200, body: "f".repeat(1000) } },
  ],
};
const LIMITS = { connections: CONNECTIONS, in_flight: IN_FLIGHT, header_bytes: "8KiB" };

interface Stated {
  readonly memory: { readonly total: number; readonly terms: readonly { place: string; amount: number }[] };
  readonly descriptors: { readonly total: number };
}

/** The sums, as `hardwire check` states them. */
async function stated(): Promise<Stated> {
  const folder = join(runFolder(), "budget");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "routes.json"), JSON.stringify(ROUTES));
  writeFileSync(join(folder, "target.json"), JSON.stringify(hostTarget({ limits: LIMITS })));
  const cli = fileURLToPath(new URL("../../build/cli.ts", import.meta.url));
  const args = [cli, "check", "routes.json", "--target", "target.json", "--json"];
  return JSON.parse((await promisify(execFile)(process.execPath, args, { cwd: folder })).stdout);
}

const sums = await stated();
const privateBytes = sums.memory.terms
  .filter(({ place }) => place === "private")
  .reduce((sum, { amount }) => sum + amount, 0);
const file = await pack(
  ROUTES,
  hostTarget({
    memory: { budget: `${sums.memory.total}B` },
    limits: { ...LIMITS, descriptors: sums.descriptors.total },
  }),
);
const cgroup = MemoryCgroup.make(sums.memory.total);

/** The file's pages leave the kernel's cache, so that they come back on the cgroup's account. */
function forgetFile(): void {
  execFileSync("dd", [`if=${file}`, "iflag=nocache", "count=0"], { stdio: "ignore" });
}

async function startBounded(): Promise<Device> {
  await startOrigin();
  forgetFile();
  const enter = cgroup === undefined ? "" : `echo $$ > ${cgroup.entrance} && `;
  const script = `${enter}ulimit -n ${sums.descriptors.total} && exec "$0"`;
  const device = new Device("/bin/sh", { args: ["-c", script, file] });
  atEnd(async () => {
    try {
      await device.stop();
    } finally {
      // Not before, or it is not empty.
      await device.exited;
      cgroup?.remove();
    }
  });
  await device.says(/: listening on /);
  return device;
}

/** Reads nothing of /stuck, answers nothing to /held, sends without end to /chunks and /bytes, "ok" to all others. */
function startOrigin(): Promise<void> {
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
  atEnd(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return new Promise((resolve) => server.listen(ports.origin, "127.0.0.1", 1024, resolve));
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
function startAttack(): { stop: () => void; opened: () => number } {
  let stopped = false;
  let opened = 0;
  const sockets = new Set<Socket>();
  const open = (bytes: readonly (string | Buffer)[]) => {
    if (stopped) return;
    const socket = connect({ host: "127.0.0.1", port: ports.device });
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

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Small requests, one after the other, with heads that leave much to collect. */
async function keepBusy(isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const client = await Client.open(ports.device).catch(() => undefined);
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
async function probe(): Promise<string> {
  try {
    const client = await Client.open(ports.device, { waitMs: 4000 });
    try {
      return String((await client.send(get("/ok")).answer()).status);
    } finally {
      client.close();
    }
  } catch {
    return "closed";
  }
}

const device = await startBounded();
assert.equal(await probe(), "200");

const bounds = cgroup === undefined ? "private memory only, for want of a cgroup" : "in a memory cgroup";
test(`all limits at once for ${ATTACK_MS / 1000} s, ${bounds}`, async (context) => {
  const attack = startAttack();
  let isOver = false;
  const busy = Array.from({ length: BUSY }, () => keepBusy(() => isOver));
  const seen = new Map<string, number>();
  let privateMost = 0;
  let filesMost = 0;
  for (const limit = Date.now() + ATTACK_MS; Date.now() < limit; await sleep(20)) {
    const outcome = await probe();
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    privateMost = Math.max(privateMost, device.privateBytes());
    filesMost = Math.max(filesMost, readdirSync(`/proc/${device.child.pid}/fd`).length);
  }
  isOver = true;
  attack.stop();
  await Promise.all(busy);
  const outcomes = [...seen].map(([outcome, count]) => `${count} × ${outcome}`).join(", ");
  context.diagnostic(`${attack.opened()} attackers; small requests meanwhile: ${outcomes}`);
  context.diagnostic(`private memory ${privateMost} of ${privateBytes} B at most`);
  context.diagnostic(`descriptors ${filesMost} of ${sums.descriptors.total} at most`);
  if (cgroup !== undefined) context.diagnostic(`cgroup ${cgroup.peakBytes} of ${sums.memory.total} B at most`);

  assert.equal(device.child.exitCode ?? device.child.signalCode, null, `it ended: ${device.stderr}`);
  assert.equal(cgroup?.kills ?? 0, 0);
  assert.ok(privateMost <= privateBytes, `${privateMost} B of private memory, ${privateBytes} stated`);
  assert.ok(seen.has("503") || seen.has("closed"), "limits were reached");
  // 504 where the origin, which is in this process, is kept from answering.
  assert.deepEqual(
    [...seen.keys()].filter((outcome) => !["200", "503", "504", "closed"].includes(outcome)),
    [],
  );

  await sleep(1000);
  for (let n = 0; n < 50; n++) assert.equal(await probe(), "200", "as before");
});

test("a client that asks and never reads is closed, with one answer unsent at the most", async () => {
  const before = device.privateBytes();
  const socket = connect({ host: "127.0.0.1", port: ports.device });
  socket.on("error", () => {});
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.pause();
  // Answered by the gateway itself, one after the other, without an end unless it puts one.
  const requests = Buffer.from("GET /fixed HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000));
  const end = Date.now() + 10_000;
  while (!socket.destroyed && Date.now() < end) {
    if (!socket.write(requests)) await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed]);
  }
  assert.ok(socket.destroyed, "it asked for 10 s");
  const grown = device.privateBytes() - before;
  assert.ok(grown < 2 << 20, `${grown} B for one client`);
});

test("connections beyond the limit are closed at once, and there is room again for each that goes", async () => {
  // A connection that the gateway has paused does not tell that its client has gone; the route's idle ends it.
  await sleep(4000);
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => Client.open(ports.device)));
  for (const client of clients) assert.equal((await client.send(get("/ok")).answer()).status, 200);
  const late = await Client.open(ports.device);
  assert.equal((await late.ended()).rest.length, 0);
  for (const client of clients) client.close();
  await sleep(50);
  assert.equal(await probe(), "200");
});
