/**
 * Thousands of connections that say nothing, or say it a byte at a time, keep nobody else waiting and cost what
 * uWebSockets.js keeps for each: a socket, and the head so far. Node.js raises its limit of open files to the hard one
 * itself, here and in the packed binary, so only that one is looked at.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { until } from "../harness/held.ts";
import { waitedMs } from "../harness/waited.ts";
import { atEnd, Client, device, get, hostTarget, ok, origin, ports } from "../harness.ts";

const IDLE = 5000;
const SLOW = 500;
const SLOW_EVERY_MS = 250;
const REQUESTS = 200;
/** Two looks at what is open. */
const REQUESTS_BETWEEN = 20;
const ANSWER_MS_MAX = 50;
/** A socket in uWebSockets.js, its part of the kernel's poll set, and up to 4 KiB of a head that is not complete. */
const BYTES_EACH_MAX = 2048;
const HEAD_BYTES_MAX = 4096 + 1024;
const FILES_NEEDED = 2 * (IDLE + SLOW);

const hardLimit = /Max open files\s+\d+\s+(\d+|unlimited)/.exec(readFileSync("/proc/self/limits", "utf8"))![1]!;
const tooFew = hardLimit !== "unlimited" && Number(hardLimit) < FILES_NEEDED;

const upstream = await origin(ports.origin);
const gateway = await device(
  {
    version: 1,
    name: "slow",
    upstreams: { api: { endpoints: [{ url: `http://127.0.0.1:${ports.origin}` }] } },
    routes: [{ name: "all", match: { path: "/*" }, upstream: "api" }],
  },
  hostTarget({ limits: { connections: IDLE + SLOW + 10 } }),
);

/** Several local addresses, so that the kernel has ports for all. */
function open(number: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port: ports.device, localAddress: `127.2.0.${1 + (number % 4)}` });
    socket.once("connect", () => resolve(socket));
    socket.on("error", reject);
  });
}

async function openMany(count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const batch = Math.min(250, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: batch }, (_, i) => open(i)))));
  }
  return sockets;
}

/** How long a request on a new connection takes, without the time in which there was no processor for it. */
async function timeRequest(): Promise<number> {
  const begun = performance.now() - bothWaitedMs();
  const client = await Client.open(ports.device);
  const answer = await client.send(get("/x")).answer();
  assert.equal(answer.status, 200);
  client.close();
  return performance.now() - bothWaitedMs() - begun;
}

/** The gateway, and this process, which is client and origin. */
function bothWaitedMs(): number {
  return waitedMs(gateway.child.pid!, process.pid);
}

function openFiles(): number {
  return readdirSync(`/proc/${gateway.child.pid}/fd`).length;
}

test(`${IDLE} idle connections and ${SLOW} slow heads`, {
  skip: tooFew && `needs a hard limit of ${FILES_NEEDED} open files, has ${hardLimit}`,
}, async () => {
  upstream.script((_, connection) => connection.send(ok("x")));
  for (let i = 0; i < 20; i++) await timeRequest();
  const before = gateway.privateBytes();
  const idle = await openMany(IDLE);
  const slow = await openMany(SLOW);
  const head = `GET /slow HTTP/1.1\r\nHost: localhost\r\nX-Slow: ${"s".repeat(4000)}`;
  let sent = 0;
  const drip = setInterval(() => {
    for (const socket of slow) socket.write(head.slice(sent, sent + 1));
    sent += 1;
  }, SLOW_EVERY_MS);
  atEnd(() => clearInterval(drip));
  const times: number[] = [];
  await until(() => openFiles() > IDLE + SLOW, "all of them accepted");
  let files = openFiles();
  // On a busy machine some are idle for the 10 s that they may be before there were so many requests.
  while (times.length < REQUESTS && files > IDLE + SLOW) {
    times.push(await timeRequest());
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (times.length % REQUESTS_BETWEEN === 0) files = openFiles();
  }
  const grown = gateway.privateBytes() - before;
  clearInterval(drip);
  for (const socket of [...idle, ...slow]) socket.destroy();
  times.sort((a, b) => a - b);
  const [median, most, slowest] = [0.5, 0.99, 1].map((share) => times[Math.ceil(times.length * share) - 1]!);
  console.log(
    `${files} descriptors, ${grown >> 10} KiB more; ${times.length} requests, median ${median!.toFixed(1)} ms, slowest ${slowest!.toFixed(1)} ms`,
  );
  assert.ok(times.length > 2 * REQUESTS_BETWEEN, `only ${files} descriptors were open after ${times.length} requests`);
  assert.ok(most! < ANSWER_MS_MAX, `99 % within ${most} ms`);
  assert.ok(grown < (IDLE + SLOW) * BYTES_EACH_MAX + SLOW * HEAD_BYTES_MAX, `${grown} bytes more`);
  assert.ok((await timeRequest()) < 1000, "and afterwards");
});
