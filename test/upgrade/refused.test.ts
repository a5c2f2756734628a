/** Builds that are bad in some way: each is found out, and the service goes on with the one before. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { MemoryCgroup } from "../harness/memory-cgroup.ts";
import { atEnd, runFolder } from "../harness.ts";
import { BUDGET_BYTES, builds, NAME } from "./builds.ts";
import { namespaceMissing } from "./namespace.ts";
import { run, Service, type Status } from "./service.ts";

const skip = namespaceMissing;

/** The build that was there serves, and nothing is left of the other one. */
async function isAsBefore(service: Service, before: Status): Promise<Status> {
  const after = await service.status();
  assert.equal(after.current, before.current);
  assert.equal(after.running!.pid, before.running!.pid);
  assert.equal(after.next, null);
  assert.equal(after.trial, null);
  assert.equal(after.last!.verdict, "rolled back");
  assert.equal(await service.version(), "one");
  await service.until("the other process has ended", async () => {
    return (await run("pgrep", ["-P", String(before.running!.pid)])).stdout === "";
  });
  return after;
}

test("a build whose answers fail is rolled back by itself", { skip }, async () => {
  const service = await Service.start(await builds.one());
  const before = await service.status();
  await service.load();
  const { code, stdout } = await service.root.command(await builds.failing(), "activate");
  assert.equal(code, 1);
  assert.match(stdout, /rolled back: \d+ of its \d+ answers were errors \(\d\d+ %, 5 % allowed\)/);
  assert.deepEqual((await isAsBefore(service, before)).installed, [before.current]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { requests, failed, failures } = await service.endLoad();
  // What it answered itself, and nothing else.
  assert.deepEqual(
    Object.keys(failures).filter((what) => !what.endsWith(": answered 502")),
    [],
    service.log,
  );
  assert.ok(failed > 0 && failed < requests);
});

test("a build that is slower than the target says is rolled back by itself, no request fails", { skip }, async () => {
  const service = await Service.start(await builds.one());
  const before = await service.status();
  await service.load({ oneRequest: 30, keepAlive: 30 });
  const { code, stdout } = await service.root.command(await builds.slow(), "activate");
  assert.equal(code, 1);
  assert.match(stdout, /rolled back: \d+ of its \d+ answers took longer than 1000 ms \(\d\d+\.?\d* %, 1 % allowed\)/);
  await isAsBefore(service, before);
  assert.deepEqual((await service.endLoad()).failures, {}, service.log);
});

test("a build for a bigger device is refused, and never starts there", { skip }, async (context) => {
  const cgroup = MemoryCgroup.make(BUDGET_BYTES);
  if (cgroup === undefined) return context.skip("no memory cgroup can be made");
  atEnd(() => cgroup.remove());
  const service = await Service.start(await builds.one(), { limitFile: cgroup.entrance });
  const before = await service.status();
  await service.load();
  const { code, stdout } = await service.root.command(await builds.bigger(), "activate");
  assert.equal(code, 1);
  const words =
    /built for a bigger device: it can need \d+ MiB of memory, its cgroup \(MemoryMax=, MemoryHigh=\) allows 160 MiB/;
  assert.match(stdout, words);
  await isAsBefore(service, before);
  assert.deepEqual((await service.endLoad()).failures, {}, service.log);
  await service.stop();
  const alone = await run("sh", ["-c", `echo $$ >${cgroup.entrance} && exec ${await builds.bigger()}`]);
  assert.equal(alone.code, 78);
  assert.match(alone.stderr, words);
  return undefined;
});

test("a build that fails its own tests is refused before it serves", { skip }, async () => {
  const service = await Service.start(await builds.one());
  const before = await service.status();
  const broken = join(runFolder(), "broken-tests");
  const bytes = readFileSync(await builds.two());
  const at = bytes.indexOf('"expect":{"route":"version"');
  assert.notEqual(at, -1);
  bytes.write('"expect":{"route":"varsion"', at);
  writeFileSync(broken, bytes, { mode: 0o755 });
  const { code, stdout } = await service.root.command(broken, "activate");
  assert.equal(code, 1);
  assert.match(stdout, /rolled back: 1 of its 1 tests fail: [^ ]+: expected "varsion"/);
  await isAsBefore(service, before);
});

function exeOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return "";
  }
}

/**
 * Puts something into a slot, and has the service try it.
 * @param onStart is called in the first moments of the process
 */
async function tryFile(
  service: Service,
  content: Buffer,
  mode: number,
  onStart?: (pid: number) => void,
): Promise<Status> {
  const build = "0123456789ab";
  const file = join(service.root.slots, build, NAME);
  mkdirSync(join(service.root.slots, build), { recursive: true });
  rmSync(file, { force: true });
  writeFileSync(file, content);
  chmodSync(file, mode);
  rmSync(join(service.root.slots, "next"), { force: true });
  symlinkSync(build, join(service.root.slots, "next"));
  const { last, running } = await service.status();
  process.kill(running!.pid, "SIGUSR2");
  if (onStart !== undefined) {
    let child = "";
    // Before its exec it is a copy of its parent, which waits for it.
    while (!exeOf(child).includes(build)) {
      child = readFileSync(`/proc/${running!.pid}/task/${running!.pid}/children`, "utf8").trim();
    }
    onStart(Number(child));
  }
  const number = (last?.number ?? 0) + 1;
  await service.until("there is a verdict", async () => (await service.status()).last?.number === number);
  return await service.status();
}

test("what cannot start, ends, or is never ready is refused with the reason", { skip }, async () => {
  const service = await Service.start(await builds.one());
  const { running } = await service.status();
  await service.load();
  const ends = readFileSync("/bin/false");
  const foreign = Buffer.from(ends);
  foreign.writeUInt16LE(process.arch === "arm64" ? 62 : 183, 18); // e_machine: the other one
  const loaderless = Buffer.from(ends);
  loaderless.write("/lib/none\0", loaderless.indexOf("/lib", 0)); // PT_INTERP
  const cases: [Buffer, number, RegExp][] = [
    [foreign, 0o755, /it is not an executable for this machine/],
    [Buffer.from("#!/bin/sh\n"), 0o755, /it is not an executable for this machine/],
    [ends, 0o644, /it is not executable/],
    [loaderless, 0o755, /it is not there, or the machine has not the C library/],
    [ends, 0o755, /it ended with exit code 1; the log has its words/],
    [ends, 0o757, /is writable by others/],
  ];
  for (const [content, mode, reason] of cases) {
    const { last } = await tryFile(service, content, mode);
    assert.match(last!.reason, reason);
    assert.equal(last!.verdict, "rolled back");
  }
  const two = readFileSync(await builds.two());
  for (const [signal, reason] of [
    ["SIGSEGV", /it ended with SIGSEGV/],
    ["SIGSTOP", /it was not ready within 5 s/],
  ] as const) {
    const { last } = await tryFile(service, two, 0o755, (pid) => process.kill(pid, signal));
    assert.match(last!.reason, reason);
  }
  assert.equal(await service.version(), "one");
  assert.equal(await service.pid(), running!.pid);
  assert.deepEqual((await service.endLoad()).failures, {}, service.log);
});

for (const [what, signal, reason] of [
  ["crashes", "SIGKILL", /it ended with SIGKILL/],
  ["hangs", "SIGSTOP", /it has said nothing for 5 s/],
] as const) {
  test(`a build that ${what} on trial is replaced by the one before`, { skip }, async (context) => {
    const service = await Service.start(await builds.one());
    const before = await service.status();
    await service.load();
    const activation = service.root.command(await builds.two(), "activate");
    await service.until("it is on trial", async () => (await service.status()).trial?.phase === "probation");
    const [beside] = (await run("pgrep", ["-P", String(before.running!.pid)])).stdout.split("\n");
    process.kill(Number(beside), signal);
    const { code, stdout } = await activation;
    assert.equal(code, 1);
    assert.match(stdout, reason);
    await isAsBefore(service, before);
    const { requests, failed, failures } = await service.endLoad();
    context.diagnostic(`${failed} of ${requests} requests failed: ${JSON.stringify(failures)}`);
    // Those that it had accepted, and those that came while nobody listened.
    assert.ok(failed < 100, JSON.stringify(failures));
  });
}

test("an activation that is called off, or killed, leaves the build before", { skip, timeout: 60_000 }, async () => {
  const service = await Service.start(await builds.one());
  const before = await service.status();
  const file = await builds.two();
  for (const [signal, reason] of [
    ["SIGINT", /the activation was called off/],
    ["SIGKILL", /nobody has made it current: `activate` was ended/],
  ] as const) {
    const number = ((await service.status()).last?.number ?? 0) + 1;
    const activation = spawn(file, ["activate", "--root", service.root.path], { stdio: "ignore" });
    await service.until("it is on trial", async () => (await service.status()).trial?.phase === "probation");
    activation.kill(signal);
    await service.until("there is a verdict", async () => (await service.status()).last?.number === number);
    const { last, current, running } = await service.status();
    assert.match(last!.reason, reason);
    assert.equal(current, before.current);
    assert.equal(running!.pid, before.running!.pid);
    assert.equal(await service.version(), "one");
  }
  // What the killed one has left is in nobody's way.
  const { code, stdout } = await service.root.command(file, "activate");
  assert.equal(code, 0, stdout);
  assert.equal(await service.version(), "two");
});

test("a guardian that is killed leaves a service that starts the build before", { skip }, async () => {
  const service = await Service.start(await builds.one());
  const before = await service.status();
  const activation = service.root.command(await builds.two(), "activate");
  await service.until("it is on trial", async () => (await service.status()).trial?.phase === "probation");
  const [beside] = (await run("pgrep", ["-P", String(before.running!.pid)])).stdout.split("\n");
  process.kill(before.running!.pid, "SIGKILL");
  await service.until("the one on trial goes", async () => (await run("kill", ["-0", beside!])).code !== 0);
  // As the service manager would.
  await service.spawn();
  const { code, stdout } = await activation;
  assert.equal(code, 1);
  assert.match(stdout, /the service ended in between and was started again/);
  assert.equal((await service.status()).current, before.current);
  assert.equal(await service.version(), "one");
});
