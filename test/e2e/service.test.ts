/**
 * What the executable tells systemd, with systemd's own systemd-notify and a socket in systemd's place: ready, status,
 * signs of life, stopping. A booted systemd is in test/lab.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../harness/held.ts";
import { NotifySocket, notifyMissing } from "../harness/notify-socket.ts";
import {
  ask,
  atEnd,
  Client,
  Device,
  fieldOf,
  get,
  HOST_TARGET,
  head,
  ok,
  origin,
  pack,
  ports,
  runFolder,
} from "../harness.ts";

const upstream = await origin(ports.origin);
const answerAll = () => upstream.script((_, connection) => connection.send(ok("done")));
answerAll();

const CONNECTIONS = 8;
const routes = (more: object) => ({
  version: 1,
  name: "served",
  upstreams: { api: { endpoints: [{ url: `http://127.0.0.1:${ports.origin}` }] } },
  routes: [{ name: "all", match: { path: "/*" }, upstream: "api", ...more }],
});
const target = (addresses: object) => ({
  target: HOST_TARGET,
  listeners: addresses,
  limits: { connections: CONNECTIONS, in_flight: 8 },
  timing: { drain: "10s" },
  service: { manager: "systemd", watchdog: "30s", credentials: { from: "/etc/served" } },
});
const here = { four: { address: `127.0.0.1:${ports.device}` }, six: { address: `[::1]:${ports.otherDevice}` } };
const file = await pack(routes({ request_headers: { set: { "X-Token": "{credential.token}" } } }), target(here));

const credentials = mkdtempSync(join(runFolder(), "service-"));
writeFileSync(join(credentials, "token"), "s3cret");

const options = { skip: notifyMissing };
const mayIsolate = notifyMissing === undefined && process.getuid?.() === 0 && existsSync("/usr/sbin/ip");
const rootOptions = { skip: !mayIsolate && "needs root, ip, systemd-notify and perl" };

function forwarded(name: string): string | undefined {
  return fieldOf(upstream.requests.at(-1)!, name);
}

interface Service {
  readonly device: Device;
  readonly socket: NotifySocket;
}

function run(socket: NotifySocket, env: NodeJS.ProcessEnv, wrap?: (file: string) => string): Device {
  const all = { CREDENTIALS_DIRECTORY: credentials, NOTIFY_SOCKET: socket.path, ...env };
  const device = wrap
    ? new Device("/bin/sh", { args: ["-c", wrap(file)], env: { ...all, PATH: process.env.PATH } })
    : new Device(file, { env: all });
  atEnd(() => device.child.kill("SIGKILL"));
  return device;
}

/** As systemd would start it with WatchdogSec=`watchdogMs`. */
async function serving(watchdogMs = 0, wrap?: (file: string) => string): Promise<Service> {
  const socket = await NotifySocket.open();
  const device = run(socket, watchdogMs === 0 ? {} : { WATCHDOG_USEC: String(watchdogMs * 1000) }, wrap);
  await socket.comes("READY");
  return { device, socket };
}

async function end({ device }: Service): Promise<void> {
  device.child.kill("SIGTERM");
  assert.deepEqual(await device.exited, { code: 0, signal: null });
}

const SERVING = `serving 1 routes on http://127.0.0.1:${ports.device}, http://[::1]:${ports.otherDevice}; `;

test("ready when every listener is open, with a status; stopping when it drains", options, async () => {
  const socket = await NotifySocket.open();
  const device = run(socket, {});
  await socket.comes("READY");
  for (const [host, port] of [
    ["127.0.0.1", ports.device],
    ["::1", ports.otherDevice],
  ] as const) {
    const connection = connect({ host, port });
    await new Promise((resolve, reject) => connection.on("connect", resolve).on("error", reject));
    connection.destroy();
  }
  assert.deepEqual(socket.messages, [{ READY: "1", STATUS: `${SERVING}0 requests in flight, 0 connections` }]);
  device.child.kill("SIGTERM");
  assert.deepEqual(await device.exited, { code: 0, signal: null });
  assert.deepEqual(await socket.comes("STOPPING"), { STOPPING: "1", STATUS: "draining, 0 in flight, limit 10 s" });
  assert.equal(socket.messages.length, 2, "no sign of life where nobody asks for one");
});

test("not ready with a busy port or a bad credential", options, async () => {
  const socket = await NotifySocket.open();
  const stranger = createServer();
  await new Promise<void>((resolve) => stranger.listen(ports.otherDevice, "::1", resolve));
  assert.deepEqual(await run(socket, {}).exited, { code: 69, signal: null });
  await new Promise((resolve) => stranger.close(resolve));
  assert.deepEqual(await run(socket, { CREDENTIALS_DIRECTORY: "/nowhere" }).exited, { code: 78, signal: null });
  assert.deepEqual(socket.messages, []);
});

test(
  "a sign of life with the status at half of the time, after requests to itself that nobody else sees",
  options,
  async () => {
    const service = await serving(400);
    const before = upstream.requests.length;
    const isHalf = (ms: number) => ms > 190 && ms < 390;
    const means: number[] = [];
    // One that comes late from a busy machine makes a mean of five too long or too short, but not all of them.
    while (means.length < 3 && !means.some(isHalf)) {
      const count = 6 * (means.length + 1);
      const { STATUS } = await service.socket.comes("WATCHDOG", count);
      assert.equal(STATUS, `${SERVING}0 requests in flight, 0 connections`);
      const times = service.socket.timesOf("WATCHDOG").slice(count - 6, count);
      means.push((times[5]! - times[0]!) / 5);
    }
    assert.ok(means.some(isHalf), `${means}`);
    assert.equal(upstream.requests.length, before);
    await end(service);
    assert.match(
      service.device.stderr,
      /^served: listening [^\n]*\nserved: listening [^\n]*\nserved: SIGTERM: [^\n]*\n$/,
    );
  },
);

test("no sign of life where WATCHDOG_PID is another process; one where it is this one", options, async () => {
  const other = await serving(200, (file) => `WATCHDOG_PID=1 exec ${file}`);
  await new Promise((resolve) => setTimeout(resolve, 600));
  assert.equal(other.socket.with("WATCHDOG").length, 0);
  await end(other);
  const own = await serving(200, (file) => `WATCHDOG_PID=$$ exec ${file}`);
  await own.socket.comes("WATCHDOG", 2);
  await end(own);
});

test("nothing of it without NOTIFY_SOCKET", options, async () => {
  const socket = await NotifySocket.open();
  const device = run(socket, { NOTIFY_SOCKET: undefined, WATCHDOG_USEC: "100000" });
  await device.says(/listening.*\n.*listening/);
  const children = `/proc/${device.child.pid}/task/${device.child.pid}/children`;
  for (let i = 0; i < 100; i++) {
    assert.equal(readFileSync(children, "latin1"), "");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await device.stop().catch(() => {});
  assert.deepEqual(socket.messages, []);
});

test("a gateway whose connections are all taken does not hang", options, async () => {
  const service = await serving(300);
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => Client.open(ports.device)));
  const refused = await Client.open(ports.device);
  assert.equal((await refused.ended()).rest.length, 0);
  const before = service.socket.with("WATCHDOG").length;
  await service.socket.comes("WATCHDOG", before + 4);
  assert.match(service.socket.messages.at(-1)!.STATUS!, /; 0 requests in flight, 8 connections$/);
  for (const client of clients) client.close();
  await end(service);
  assert.doesNotMatch(service.device.stderr, /watchdog/);
});

test("nor does one whose connections are taken again as soon as they are free", options, async () => {
  const service = await serving(300);
  let goesOn = true;
  let refused = 0;
  // Three times as many as there is room for: each comes back when it was closed, and leaves after a moment.
  const client = async (): Promise<void> => {
    while (goesOn) {
      const socket = connect({ host: "127.0.0.1", port: ports.device });
      const leaves = setTimeout(() => socket.destroy(), 2 + 3 * Math.random());
      socket
        .on("error", () => {})
        .on("end", () => {
          refused += 1;
          socket.destroy();
        });
      socket.resume();
      await once(socket, "close");
      clearTimeout(leaves);
    }
  };
  const clients = Array.from({ length: 3 * CONNECTIONS }, client);
  const before = service.socket.with("WATCHDOG").length;
  await service.socket.comes("WATCHDOG", before + 20);
  goesOn = false;
  await Promise.all(clients);
  await end(service);
  assert.ok(refused > 100, `${refused}`);
  assert.doesNotMatch(service.device.stderr, /watchdog/);
});

test("a process that stands still gives no sign of life", options, async () => {
  const service = await serving(200);
  await service.socket.comes("WATCHDOG", 2);
  service.device.child.kill("SIGSTOP");
  await service.socket.ceases("WATCHDOG", 800);
  service.device.child.kill("SIGCONT");
  await service.socket.comes("WATCHDOG", service.socket.with("WATCHDOG").length + 2);
  await end(service);
});

test("addresses of clients stay right while it asks itself", options, async () => {
  const service = await serving(40);
  const begin = async (address: string, connections: number, requests: number) => {
    for (let i = 0; i < connections; i++) {
      const socket = connect({ host: "127.0.0.1", port: ports.device, localAddress: address });
      for (let j = 0; j < requests; j++) {
        const answered = new Promise((resolve, reject) => socket.once("data", resolve).once("error", reject));
        socket.write(get(`/${address}`));
        await answered;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      socket.destroy();
    }
  };
  const before = upstream.requests.length;
  // One that stays and another that comes for a moment, then several.
  await Promise.all([begin("127.0.0.2", 20, 15), begin("127.0.0.3", 250, 1)]);
  await Promise.all([begin("127.0.0.2", 5, 10), begin("127.0.0.3", 5, 10), begin("127.0.0.1", 50, 1)]);
  const requests = upstream.requests.slice(before);
  assert.equal(requests.length, 300 + 250 + 50 + 50 + 50);
  for (const request of requests) assert.equal(`/${fieldOf(request, "x-forwarded-for")}`, request.target);
  await end(service);
});

test("a drain says how far it is, and gives signs of life until its end", options, async () => {
  const service = await serving(300);
  let release = (): void => {};
  upstream.script(async (_, connection) => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    await connection.send(ok("late"));
  });
  const before = upstream.requests.length;
  const client = (await Client.open(ports.device)).send(get("/slow"));
  await until(() => upstream.requests.length > before, "the request");
  service.device.child.kill("SIGTERM");
  assert.equal((await service.socket.comes("STOPPING")).STATUS, "draining, 1 in flight, limit 10 s");
  await service.socket.comes("WATCHDOG", service.socket.with("WATCHDOG").length + 3);
  assert.equal(service.socket.messages.at(-1)!.STATUS, "draining, 1 in flight, limit 10 s");
  release();
  assert.equal((await client.answer()).body.toString(), "late");
  assert.deepEqual(await service.device.exited, { code: 0, signal: null });
  answerAll();
});

test("a reload of credentials is in the status", options, async () => {
  const service = await serving();
  service.device.child.kill("SIGHUP");
  assert.match((await service.socket.comes("STATUS", 2)).STATUS!, /; credentials read anew$/);
  writeFileSync(join(credentials, "token"), "");
  service.device.child.kill("SIGHUP");
  assert.match((await service.socket.comes("STATUS", 3)).STATUS!, /; credentials NOT read anew, see the log$/);
  writeFileSync(join(credentials, "token"), "s3cret");
  assert.doesNotMatch(JSON.stringify(service.socket.messages) + service.device.stderr, /s3cret/);
  await end(service);
});

test(
  "on trial beside another it proves itself without credentials and tells nothing, until it is the main process",
  options,
  async () => {
    const tests = [{ request: "GET h/x", expect: { request_headers: { "X-Token": "{credential.token}" } } }];
    const build = await pack(
      { ...routes({ request_headers: { set: { "X-Token": "{credential.token}" } } }), tests },
      { ...target(here), update: {} },
    );
    const socket = await NotifySocket.open();
    const child = spawn(build, [], {
      env: {
        CREDENTIALS_DIRECTORY: credentials,
        NOTIFY_SOCKET: socket.path,
        RUNTIME_DIRECTORY: mkdtempSync(join(runFolder(), "service-")),
        WATCHDOG_USEC: "200000",
        WATCHDOG_PID: String(process.pid),
        HARDWIRE_BESIDE: String(process.pid),
      },
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    atEnd(() => child.kill("SIGKILL"));
    const [{ kind, reason }] = await once(child, "message");
    assert.equal(kind, "ready", reason);
    await ask(ports.device, get("/x"));
    assert.equal(forwarded("x-token"), "s3cret");
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert.deepEqual(socket.messages, []);
    child.send({ kind: "main", last: { number: 1, build: "", verdict: "confirmed", reason: "" } });
    await socket.comes("READY");
    await socket.comes("WATCHDOG", 2);
    // At SIGTERM it would take its parent along, which is this test.
    child.kill("SIGQUIT");
    assert.deepEqual(await once(child, "exit"), [0, null]);
  },
);

test("only who knows the path is answered in the gateway's place, and only by TRACE", options, async () => {
  const service = await serving(0, (file) => `HARDWIRE_SELF=/known exec ${file}`);
  assert.equal((await ask(ports.device, head("TRACE /known"))).body.length, 0);
  const before = upstream.requests.length;
  const refused = await ask(ports.device, head("TRACE /other"));
  assert.equal(JSON.parse(refused.body.toString()).code, "method_not_implemented");
  assert.equal((await ask(ports.device, get("/known"))).body.toString(), "done");
  assert.equal(upstream.requests.length, before + 1);
  await end(service);
});

test("a systemd-notify that is missing or fails is one line, and the service goes on", rootOptions, async () => {
  const wraps = [
    [(file: string) => `mount --bind /dev/null /usr/bin/systemd-notify && exec ${file}`, "cannot be run: EACCES"],
    [(file: string) => `NOTIFY_SOCKET=/nowhere exec ${file}`, "ended with 1"],
  ] as const;
  for (const [wrap, reason] of wraps) {
    const socket = await NotifySocket.open();
    const device = run(socket, { WATCHDOG_USEC: "100000" }, (file) => `exec unshare -m sh -c '${wrap(file)}'`);
    await device.says(/how the service fares/);
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert.equal((await ask(ports.device, get("/x"))).body.toString(), "done");
    const lines = device.stderr.split("\n").filter((line) => line.includes("systemd") || line.includes("notify"));
    const own = lines.filter((line) => line.startsWith("served: "));
    assert.deepEqual(own, [`served: systemd cannot be told how the service fares: /usr/bin/systemd-notify ${reason}`]);
    assert.ok(lines.length <= 2, device.stderr);
    device.child.kill("SIGTERM");
    assert.deepEqual(await device.exited, { code: 0, signal: null });
  }
});

test("what systemd does not hear, since it reads its units anew, is said again", rootOptions, async () => {
  const folder = mkdtempSync(join(runFolder(), "deaf-"));
  const [real, stub, calls] = [join(folder, "real"), join(folder, "stub"), join(folder, "calls")];
  copyFileSync("/usr/bin/systemd-notify", real);
  // Every other message is lost.
  const script = `#!/bin/sh\necho "$@" >>${calls}\n[ $(($(wc -l <${calls}) % 2)) = 1 ] && exit 1\nexec ${real} "$@"\n`;
  writeFileSync(stub, script, { mode: 0o755 });
  const mount = `mount --bind ${stub} /usr/bin/systemd-notify`;
  const service = await serving(600_000, (file) => `exec unshare -m sh -c '${mount} && exec ${file}'`);
  assert.equal(service.socket.with("READY").length, 1);
  writeFileSync(join(credentials, "token"), "s3cret");
  service.device.child.kill("SIGHUP");
  await until(() => service.socket.with("STATUS").at(-1)!.STATUS!.includes("credentials"), "the reload in the status");
  await end(service);
});

test(
  "in a namespace: asked at wildcard addresses; no sign of life while a listener cannot be reached",
  rootOptions,
  async () => {
    const anywhere = await pack(routes({}), {
      ...target({
        all4: { address: `0.0.0.0:${ports.device}` },
        all6: { address: `[::]:${ports.otherDevice}` },
        lan: { address: "10.99.0.1:80" },
      }),
      service: { manager: "systemd", watchdog: "30s" },
    });
    const script = [
      "ip link set lo up",
      "ip address add 10.99.0.1/32 dev lo",
      `${anywhere} & gateway=$!`,
      "trap 'kill -KILL $gateway' EXIT",
      "while read order; do $order; done",
    ].join("; ");
    const socket = await NotifySocket.open();
    const device = new Device("/usr/bin/unshare", {
      args: ["-n", "sh", "-c", script],
      env: { NOTIFY_SOCKET: socket.path, WATCHDOG_USEC: "200000", PATH: process.env.PATH },
      stdin: "pipe",
    });
    // Then the shell ends the gateway.
    atEnd(() => device.child.stdin!.end());
    const order = (text: string) => device.child.stdin!.write(`${text}\n`);
    await socket.comes("WATCHDOG", 3);

    order("ip route replace prohibit 10.99.0.1/32 table local");
    await device.says(/watchdog: a request to itself at http:\/\/10\.99\.0\.1:80 failed: EACCES\n/);
    await socket.ceases("WATCHDOG", 600);
    const before = socket.with("WATCHDOG").length;

    // Its address is not there at all, as when a cable is out.
    order("ip address del 10.99.0.1/32 dev lo");
    order("ip route flush table local 10.99.0.1/32");
    await device.says(/watchdog: answered again\n/);
    await socket.comes("WATCHDOG", before + 3);
    // And where the way to it leads elsewhere, as with a default route: nobody answers there.
    order("ip route add 10.99.0.1/32 dev lo src 127.0.0.1");
    await new Promise((resolve) => setTimeout(resolve, 300));
    await socket.comes("WATCHDOG", socket.with("WATCHDOG").length + 4);
    assert.equal(device.stderr.match(/watchdog: /g)?.length, 2, device.stderr);
    device.child.stdin!.end();
    await device.exited;
  },
);
