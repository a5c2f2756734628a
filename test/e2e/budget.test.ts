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
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { atEnd } from "../harness/at-end.ts";
import { ATTACKED_LIMITS, keepBusy, probe, startAttack, startAttackedOrigin } from "../harness/attack.ts";
import { MemoryCgroup } from "../harness/memory-cgroup.ts";
import { Client, Device, get, hostTarget, pack, ports, runFolder } from "../harness.ts";

const ATTACK_MS = Number(process.env.ATTACK_SECONDS ?? 8) * 1000;
/** Clients that behave, but never rest. */
const BUSY = 4;

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

interface Stated {
  readonly memory: { readonly total: number; readonly terms: readonly { place: string; amount: number }[] };
  readonly descriptors: { readonly total: number };
}

/** The sums, as `hardwire check` states them. */
async function stated(): Promise<Stated> {
  const folder = join(runFolder(), "budget");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "routes.json"), JSON.stringify(ROUTES));
  writeFileSync(join(folder, "target.json"), JSON.stringify(hostTarget({ limits: ATTACKED_LIMITS })));
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
    limits: { ...ATTACKED_LIMITS, descriptors: sums.descriptors.total },
  }),
);
const cgroup = MemoryCgroup.make(sums.memory.total);

/** The file's pages leave the kernel's cache, so that they come back on the cgroup's account. */
function forgetFile(): void {
  execFileSync("dd", [`if=${file}`, "iflag=nocache", "count=0"], { stdio: "ignore" });
}

async function startBounded(): Promise<Device> {
  atEnd(await startAttackedOrigin(ports.origin));
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

const device = await startBounded();
assert.equal(await probe(ports.device), "200");

const bounds = cgroup === undefined ? "private memory only, for want of a cgroup" : "in a memory cgroup";
test(`all limits at once for ${ATTACK_MS / 1000} s, ${bounds}`, async (context) => {
  const attack = startAttack(ports.device);
  let isOver = false;
  const busy = Array.from({ length: BUSY }, () => keepBusy(ports.device, () => isOver));
  const seen = new Map<string, number>();
  let privateMost = 0;
  let filesMost = 0;
  for (const limit = Date.now() + ATTACK_MS; Date.now() < limit; await sleep(20)) {
    const outcome = await probe(ports.device);
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
  for (let n = 0; n < 50; n++) assert.equal(await probe(ports.device), "200", "as before");
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
  await device.sees(({ connections }) => connections === 0, "that all have gone");
  const clients = await Promise.all(
    Array.from({ length: ATTACKED_LIMITS.connections }, () => Client.open(ports.device)),
  );
  for (const client of clients) assert.equal((await client.send(get("/ok")).answer()).status, 200);
  const late = await Client.open(ports.device);
  assert.equal((await late.ended()).rest.length, 0);
  for (const client of clients) client.close();
  await device.sees(({ connections }) => connections === 0, "that they have gone");
  assert.equal(await probe(ports.device), "200");
});
