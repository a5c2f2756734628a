/** A good build takes the place of another under load, and back: nobody notices. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { NotifySocket, notifyMissing } from "../harness/notify-socket.ts";
import { builds, NAME, OTHER_PORT } from "./builds.ts";
import { namespaceMissing } from "./namespace.ts";
import { run, Service } from "./service.ts";

const UPGRADES = Number(process.env.HARDWIRE_UPGRADES ?? 5);
const skip = namespaceMissing;

test(`${UPGRADES} upgrades under load: no request fails`, { skip, timeout: 1_200_000 }, async (context) => {
  const [one, two] = [await builds.one(), await builds.two()];
  // The kernel's default, with which a listening socket that is closed loses what is in its queue.
  const service = await Service.start(one, { migrates: false });
  const socket = await service.listeningSockets();
  assert.equal(socket.length, 1);
  await service.load();
  for (let i = 0; i < UPGRADES; i++) {
    const { code, stdout, stderr } = await service.root.command(i % 2 === 0 ? two : one, "activate");
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /confirmed: [1-9]\d+ answers, 0 errors/);
    const { current, running, previous } = await service.status();
    assert.equal(current, running!.build);
    assert.notEqual(previous, current);
    assert.equal(await service.version(), i % 2 === 0 ? "two" : "one");
    assert.deepEqual(await service.listeningSockets(), socket, "it is the same socket, and the only one");
  }
  const { requests, failures, connections, maxMs } = await service.endLoad();
  assert.deepEqual(failures, {}, service.log);
  assert.ok(requests > 300 * UPGRADES, `only ${requests} requests`);
  context.diagnostic(`${requests} requests, ${connections} connections, the slowest ${Math.round(maxMs)} ms`);
});

test("rollback goes back within 5 s, under load, and no request fails", { skip }, async (context) => {
  const [one, two] = [await builds.one(), await builds.two()];
  const service = await Service.start(one);
  await service.load();
  assert.equal((await service.root.command(two, "activate")).code, 0);
  const back = await service.root.command(two, "rollback");
  assert.equal(back.code, 0, back.stderr);
  assert.ok(back.ms < 5000, `${back.ms} ms`);
  context.diagnostic(`${Math.round(back.ms)} ms`);
  assert.equal(await service.version(), "one");
  const again = await service.root.command(one, "rollback", "--json");
  assert.equal(JSON.parse(again.stdout).verdict, "confirmed");
  assert.equal(await service.version(), "two");
  assert.deepEqual((await service.endLoad()).failures, {}, service.log);
});

test("builds with other listeners: what both have is handed over, the rest is opened or closed", { skip }, async () => {
  const service = await Service.start(await builds.one(), { migrates: false });
  const socket = await service.listeningSockets();
  await service.load();
  const activate = async (file: string): Promise<void> => {
    const { code, stdout, stderr } = await service.root.command(file, "activate");
    assert.equal(code, 0, stdout + stderr);
  };
  await activate(await builds.wider());
  assert.deepEqual([await service.version(), await service.version(OTHER_PORT)], ["wider", "wider"]);
  const other = await service.listeningSockets(OTHER_PORT);
  assert.equal(other.length, 1);

  await activate(await builds.widerToo());
  assert.deepEqual([await service.version(), await service.version(OTHER_PORT)], ["wider too", "wider too"]);
  assert.deepEqual([await service.listeningSockets(), await service.listeningSockets(OTHER_PORT)], [socket, other]);
  assert.deepEqual((await service.endLoad()).failures, {}, service.log);

  await activate(await builds.moved());
  assert.equal(await service.version(OTHER_PORT), "moved");
  await service.until("nobody listens there", async () => (await service.listeningSockets()).length === 0);
  assert.deepEqual(await service.listeningSockets(OTHER_PORT), other);
});

test("signs of life do not cease while a build is on trial that has no room for another connection", {
  skip: skip ?? notifyMissing,
}, async () => {
  const socket = await NotifySocket.open();
  const env = { NOTIFY_SOCKET: socket.path, WATCHDOG_USEC: "200000" };
  const service = await Service.start(await builds.watched(), { env });
  await socket.comes("WATCHDOG");
  const activation = service.root.command(await builds.watchedToo(), "activate");
  await service.until("it is on trial", async () => (await service.status()).trial?.phase === "probation");
  await service.load({ keepAlive: 64, oneRequest: 0 });
  // One that was on its way before may come yet.
  await socket.comes("WATCHDOG", socket.with("WATCHDOG").length + 4);
  assert.equal((await service.status()).trial?.phase, "probation");
  await activation;
  assert.ok((await service.endLoad()).failed > 0, "there was room for all");
});

test("a second copy is refused with 69, whichever has the port", { skip }, async () => {
  const [one, two] = [await builds.one(), await builds.two()];
  const service = await Service.start(one);
  for (const file of [one, two, join(service.root.slots, "current", NAME)]) {
    const { code, stderr } = await run(...service.namespace.inside(file), { env: {} });
    assert.equal(code, 69, stderr);
    assert.match(stderr, /the address is in use by another process/);
  }
  assert.equal(await service.version(), "one");
});

test("TERM while a build is on trial ends both processes", { skip }, async () => {
  const [one, two] = [await builds.one(), await builds.two()];
  const service = await Service.start(one);
  await service.load({ oneRequest: 2, keepAlive: 2 });
  const activation = spawn(two, ["activate", "--root", service.root.path]);
  await service.until("it is on trial", async () => (await service.status()).trial?.phase === "probation");
  const old = await service.pid();
  const beside = childrenOf(await run("pgrep", ["-P", String(old)]));
  assert.equal(beside.length, 1);
  process.kill(old, "SIGTERM");
  await service.until("both have ended", () => ![old, ...beside].some((pid) => existsSync(`/proc/${pid}`)));
  assert.equal(service.root.link("current"), (await service.status()).current);
  activation.kill("SIGINT");
  await service.endLoad();
});

test("TERM right after a hand-over ends the process that drains, too", { skip }, async () => {
  const [one, two] = [await builds.one(), await builds.two()];
  const service = await Service.start(one);
  assert.equal((await service.root.command(two, "activate")).code, 0);
  await service.load({ oneRequest: 0, keepAlive: 2, pauseMs: 4000 });
  await new Promise((resolve) => setTimeout(resolve, 500));
  await service.root.command(two, "rollback");
  const main = await service.pid();
  const parent = Number((await run("ps", ["-o", "ppid=", "-p", String(main)])).stdout);
  assert.ok(existsSync(`/proc/${parent}`) && parent !== 1);
  await service.stop();
  await service.until("it has ended", () => !existsSync(`/proc/${parent}`));
  await service.endLoad();
});

function childrenOf({ stdout }: { stdout: string }): number[] {
  return stdout.split("\n").filter(Boolean).map(Number);
}
