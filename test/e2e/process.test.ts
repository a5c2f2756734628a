/** The executable as a process: its arguments, its start on an unfriendly machine, its signals and its end. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { assertQuick } from "../harness/quick.ts";
import { standStill } from "../harness/stand-still.ts";
import {
  ask,
  atEnd,
  Client,
  Device,
  fieldOf,
  get,
  head,
  hostTarget,
  ok,
  origin,
  pack,
  ports,
  runFolder,
} from "../harness.ts";

/** 3 s of processor time, on a machine that may be busy. */
const QEMU_START_MS = 60_000;

const upstream = await origin(ports.origin);

const ROUTES = {
  version: 1,
  name: "proc",
  upstreams: { api: { endpoints: [{ url: `http://127.0.0.1:${ports.origin}` }] } },
  routes: [{ name: "all", match: { path: "/*" }, upstream: "api" }],
};
const file = await pack(ROUTES, hostTarget({ limits: { in_flight: 2 }, timing: { drain: "1s" } }));

/** Started and ended with the test, if it does not end by itself. */
function start(options: ConstructorParameters<typeof Device>[1] = {}): Device {
  const started = new Device(file, options);
  atEnd(() => started.child.kill("SIGKILL"));
  return started;
}

/** Runs to the end. */
async function run(options: ConstructorParameters<typeof Device>[1]): Promise<Device & { code: number | null }> {
  const started = start(options);
  const { code } = await started.exited;
  return Object.assign(started, { code });
}

async function serving(options: ConstructorParameters<typeof Device>[1] = {}): Promise<Device> {
  const started = start(options);
  await started.says(/: listening on /);
  return started;
}

/** Asks for something that the origin holds until told. */
async function inFlight(): Promise<{ client: Client; release: () => void }> {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  upstream.script(async (_, connection) => {
    await held;
    await connection.send(ok("done"));
  });
  const client = await Client.open(ports.device);
  client.send(get("/x"));
  while (upstream.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  return { client, release };
}

test("--version says what it is", async () => {
  const { code, stdout, stderr } = await run({ args: ["--version"] });
  assert.equal(code, 0);
  assert.match(
    stdout,
    new RegExp(`^proc \\(hardwire \\d+\\.\\d+\\.\\d+, linux-${process.arch}, Node 24\\.21\\.0\\)\n$`),
  );
  assert.equal(stderr, "");
});

test("--help names the addresses, the signals and the exit codes", async () => {
  const { code, stdout, stderr } = await run({ args: ["--help"] });
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`http://127\\.0\\.0\\.1:${ports.device}`));
  assert.match(stdout, new RegExp(`127\\.0\\.0\\.1:${ports.origin}`));
  assert.match(stdout, /SIGTERM/);
  for (const signal of ["TERM, INT", "QUIT", "HUP", "USR1"]) assert.match(stdout, new RegExp(`^  ${signal} `, "m"));
  assert.match(stdout, /Exit codes/);
  assert.equal(stderr, "");
});

test("any other argument is a usage error", async () => {
  for (const args of [["--config=x"], ["--self-test"], ["serve"], [""], ["--version", "--config"]]) {
    const { code, stdout, stderr } = await run({ args });
    assert.equal(code, 64, args.join(" "));
    assert.equal(stdout, "");
    assert.match(stderr, /^proc: [^\n]+\n$/);
  }
});

test("the file alone in an empty folder with an empty environment serves, and leaves nothing behind", async () => {
  const folder = mkdtempSync(join(runFolder(), "alone-"));
  copyFileSync(file, join(folder, "gateway"));
  const alone = new Device(join(folder, "gateway"), { cwd: folder });
  atEnd(() => alone.child.kill("SIGKILL"));
  await alone.says(/: listening on /);
  upstream.script((_, connection) => connection.send(ok("alone")));
  assert.equal((await ask(ports.device, get("/x"))).body.toString(), "alone");
  await alone.stop();
  assert.deepEqual(readdirSync(folder), ["gateway"]);
});

test("SIGTERM and SIGINT: what is in flight ends well, nothing new is accepted, exit 0", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const gateway = await serving();
    const idle = await Client.open(ports.device);
    const { client, release } = await inFlight();
    gateway.child.kill(signal);
    await gateway.says(new RegExp(`: ${signal}: draining, 1 in flight\n`));
    await assert.rejects(Client.open(ports.device), { code: "ECONNREFUSED" });
    release();
    const answer = await client.answer();
    assert.equal(answer.body.toString(), "done");
    assert.equal(fieldOf(answer, "connection"), "close", "a draining gateway keeps no connection");
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
    assert.equal((await idle.ended()).rest.length, 0);
  }
});

/** In how many milliseconds. */
async function endedBy(gateway: Device, signal: NodeJS.Signals): Promise<number> {
  const begun = performance.now();
  gateway.child.kill(signal);
  assert.deepEqual(await gateway.exited, { code: 0, signal: null });
  return performance.now() - begun;
}

test("an idle gateway ends at once on SIGTERM", async () => {
  await assertQuick(700, async () => {
    const gateway = await serving();
    await Client.open(ports.device);
    return await endedBy(gateway, "SIGTERM");
  });
});

test("a second signal ends a drain at once", async () => {
  await assertQuick(300, async () => {
    const gateway = await serving();
    const { client, release } = await inFlight();
    gateway.child.kill("SIGTERM");
    await gateway.says(/draining, 1 in flight/);
    const tookMs = await endedBy(gateway, "SIGTERM");
    release();
    client.close();
    return tookMs;
  });
});

test("a drain is over at its limit, and says what it cut", async () => {
  await assertQuick(1600, async () => {
    const gateway = await serving();
    const { client, release } = await inFlight();
    const tookMs = await endedBy(gateway, "SIGTERM");
    assert.ok(tookMs >= 1000, `${tookMs} ms instead of timing.drain, 1 s`);
    assert.match(gateway.stderr, /drain limit reached, 1 cut\n$/);
    release();
    client.close();
    return tookMs;
  });
});

test("SIGHUP without credentials and SIGPIPE change nothing", async () => {
  const gateway = await serving();
  for (const signal of ["SIGHUP", "SIGPIPE"] as const) gateway.child.kill(signal);
  await gateway.says(/: SIGHUP: nothing to reload, this build uses no credentials\n/);
  upstream.script((_, connection) => connection.send(ok("still")));
  assert.equal((await ask(ports.device, get("/x"))).body.toString(), "still");
  gateway.child.kill("SIGTERM");
  assert.deepEqual(await gateway.exited, { code: 0, signal: null });
});

test("SIGUSR1 writes statistics", async () => {
  const gateway = await serving();
  const { client, release } = await inFlight();
  gateway.child.kill("SIGUSR1");
  await gateway.says(/statistics: memory/);
  const [up, api, memory] = gateway.stderr.split("\n").filter((line) => line.includes("statistics"));
  assert.match(up!, /^proc: statistics: up \d+ s, 1 requests in flight, 1 connections$/);
  assert.equal(api, "proc: statistics: upstream api: 1 connections, 0 idle, 0 requests waiting, 0 of 1 endpoints down");
  const [, anonymous, used, most] = /memory: (\d+) KiB private, V8's heap (\d+) of (\d+) KiB$/.exec(memory!)!;
  assert.ok(Math.abs(Number(anonymous) * 1024 - gateway.privateBytes()) < 2 << 20, memory);
  assert.ok(Number(used) > 1000 && Number(used) < Number(most), memory);
  release();
  await client.answer();
  gateway.child.kill("SIGTERM");
  await gateway.exited;
});

test("SIGUSR1 opens no debugger, however early it comes", async () => {
  const gateway = start();
  const { pid } = gateway.child;
  const blocks = () => /^SigBlk:.*2..$/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  // In the first millisecond the signal would end it, as it would end any program.
  while (!blocks()) assert.equal(gateway.child.exitCode, null);
  const sockets = new Set<string>();
  while (!/listening on/.test(gateway.stderr)) {
    process.kill(pid!, "SIGUSR1");
    for (const port of listeningPorts(pid!)) sockets.add(port);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  for (const port of listeningPorts(pid!)) sockets.add(port);
  assert.deepEqual([...sockets], [String(ports.device)]);
  upstream.script((_, connection) => connection.send(ok("served")));
  assert.equal((await ask(ports.device, get("/x"))).body.toString(), "served");
  assert.doesNotMatch(gateway.stderr, /Debugger/);
  gateway.child.kill("SIGTERM");
  assert.deepEqual(await gateway.exited, { code: 0, signal: null });
});

/** TCP over IPv4 and IPv6. */
function listeningPorts(pid: number): string[] {
  const open = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    }),
  );
  return ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, "latin1")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter((cells) => cells[3] === "0A" && open.has(cells[9]!))
      .map((cells) => String(Number.parseInt(cells[1]!.split(":")[1]!, 16))),
  );
}

test("SIGQUIT ends at once", async () => {
  await assertQuick(1000, async () => {
    const gateway = await serving();
    const { client, release } = await inFlight();
    const tookMs = await endedBy(gateway, "SIGQUIT");
    assert.match(gateway.stderr, /: SIGQUIT: ending at once, 1 cut\n$/);
    release();
    client.close();
    return tookMs;
  });
});

test("more requests than limits.in_flight are answered 503, then all is well again", async () => {
  const gateway = await serving();
  const first = await inFlight();
  const client = await Client.open(ports.device);
  client.send(get("/x"));
  while (upstream.requests.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
  const refused = await ask(ports.device, get("/x"));
  assert.equal(refused.status, 503);
  assert.equal(JSON.parse(refused.body.toString()).code, "overloaded");
  assert.equal(fieldOf(refused, "retry-after"), "1");
  assert.equal((await ask(ports.device, head("HEAD /x"))).status, 503);
  first.release();
  assert.equal((await first.client.answer()).status, 200);
  assert.equal((await client.answer()).status, 200);
  assert.equal((await ask(ports.device, get("/x"))).status, 200);
  await gateway.stop();
});

test("a busy port is one line and exit 69, held by a stranger or by itself", async () => {
  const line = new RegExp(
    `^proc: cannot listen on http://127\\.0\\.0\\.1:${ports.device} \\(listener "public"\\): [^\n]*in use[^\n]*\n$`,
  );
  const stranger = createServer();
  await new Promise<void>((resolve) => stranger.listen(ports.device, "127.0.0.1", resolve));
  const beside = await run({});
  assert.equal(beside.code, 69);
  assert.match(beside.stderr, line);
  await new Promise((resolve) => stranger.close(resolve));

  const gateway = await serving();
  const twin = await run({});
  assert.equal(twin.code, 69);
  assert.match(twin.stderr, line);
  await gateway.stop();
});

test("a folder for the addon that is missing or read-only is passed over", async () => {
  for (const env of [
    { RUNTIME_DIRECTORY: "/nonexistent" },
    { RUNTIME_DIRECTORY: "/proc", TMPDIR: "/sys" },
    { TMPDIR: "/dev/null" },
  ]) {
    const gateway = await serving({ env });
    await gateway.stop();
  }
});

const isRoot = process.getuid?.() === 0;

/** In a mount namespace of its own in which each of these folders is an empty file system with these options. */
function inNamespace(mountOptions: string): { command: string; args: string[] } {
  const folders = ["/tmp", "/var/tmp", "/dev/shm", "/run"];
  const mounts = folders.map((folder) => `mount -t tmpfs -o ${mountOptions} none ${folder}`).join(" && ");
  // Opened before the folders are covered, since the binary itself lies in one of them.
  return { command: "unshare", args: ["-m", "sh", "-c", `exec 9<${file} && ${mounts} && exec /proc/self/fd/9`] };
}

test("without any writable place: one line that says what was tried, exit 73", {
  skip: !isRoot && "needs root",
}, async () => {
  for (const options of ["ro", "noexec"]) {
    const { command, args } = inNamespace(options);
    const gateway = new Device(command, { args, env: { PATH: process.env.PATH } });
    atEnd(() => gateway.child.kill("SIGKILL"));
    const { code } = await gateway.exited;
    assert.equal(code, 73, `${options}: ${gateway.stderr}`);
    assert.match(gateway.stderr, /^proc: no place [^\n]*\/tmp [^\n]*\/dev\/shm [^\n]*\/var\/tmp [^\n]*\n$/);
  }
});

test("on a foreign processor the kernel or the shell says so, and under qemu it serves", async (t) => {
  const foreign = process.arch === "x64" ? "linux-arm64" : "linux-x64";
  const routes = { ...ROUTES, defaults: { limits: { body: "1GiB" } } };
  const other = await pack(routes, { ...hostTarget(), target: foreign });
  const qemu = "/usr/bin/qemu-aarch64-static";
  const libraries = "/usr/aarch64-linux-gnu";
  assert.match(execFileSync("od", ["-An", "-tx1", "-N20", other], { encoding: "utf8" }), /7f 45 4c 46/);
  if (process.arch !== "x64" || !existsSync(qemu) || !existsSync(`${libraries}/lib/libstdc++.so.6`)) {
    t.skip("qemu-user-static or the arm64 libraries are not installed");
    return;
  }
  const gateway = new Device(qemu, { args: ["-L", libraries, other] });
  atEnd(() => gateway.child.kill("SIGKILL"));
  await gateway.says(/: listening on /, QEMU_START_MS);
  upstream.script((_, connection) => connection.send(ok("arm")));
  assert.equal((await ask(ports.device, get("/x"))).body.toString(), "arm");
  // For what is edited in the addon's machine code.
  await standStill(upstream, "/x", "Content-Length", QEMU_START_MS);
  await gateway.stop();
});
