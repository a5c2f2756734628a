/** The unit that `--service` writes, installed by hand on a booted machine: it serves, and has no rights but those. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { HOST_TARGET } from "../harness/device.ts";
import { inNetwork, startLoad, startOrigin } from "../harness/network/start.ts";
import { runFolder } from "../harness/run-folder.ts";
import { Machine } from "./machine.ts";
import { labMissing } from "./needs.ts";
import { Unit } from "./unit.ts";

const HARDWIRE = fileURLToPath(new URL("../../build/launch.mjs", import.meta.url));
const NAME = "service-gw";
const ORIGIN_PORT = 3001;
/** Below 1024, and listened on by IPv6, too. */
const PORT = 80;
/** Of a second listener; the machine has it later than the service. */
const LATE = "192.168.7.1";
const WATCHDOG_S = 5;
const LOAD_MS = 500;

const ROUTES = {
  version: 1,
  name: NAME,
  defaults: { hosts: ["localhost"], request_headers: { set: { "X-Token": "{credential.token}" } } },
  upstreams: {
    address: { endpoints: [{ url: `http://127.0.0.1:${ORIGIN_PORT}` }] },
    name: { endpoints: [{ url: `http://origin.test:${ORIGIN_PORT}` }] },
  },
  routes: ["address", "name"].map((name) => ({ name, match: { path: `/${name}` }, upstream: name })),
};

const TARGET = {
  target: HOST_TARGET,
  listeners: { public: { address: `[::]:${PORT}` }, lan: { address: `${LATE}:${PORT + 1}` } },
  limits: { in_flight: 32 },
  timing: { drain: "2s" },
  service: { manager: "systemd", watchdog: `${WATCHDOG_S}s`, credentials: { from: `/etc/${NAME}` } },
};

/** The folder with the executable and its service. */
async function buildService(): Promise<string> {
  const folder = mkdtempSync(join(runFolder(), "service-"));
  writeFileSync(join(folder, "routes.json"), JSON.stringify(ROUTES));
  writeFileSync(join(folder, "target.json"), JSON.stringify(TARGET));
  const command = [HARDWIRE, "build", "routes.json", "--target", "target.json", "--out", "gateway", "--service", "."];
  await promisify(execFile)(process.execPath, command, { cwd: folder });
  return folder;
}

let built: Promise<string> | undefined;

async function install(machine: Machine): Promise<Unit> {
  built ??= buildService();
  const folder = await built;
  await machine.copyIn(join(folder, "gateway"), `/usr/lib/${NAME}/${NAME}`, "0755");
  await machine.copyIn(join(folder, `${NAME}.service`), `/etc/systemd/system/${NAME}.service`);
  await machine.copyIn(join(folder, `${NAME}.sysctl.conf`), `/etc/sysctl.d/60-${NAME}.conf`);
  await machine.write(`/etc/${NAME}/token`, "opensesame\n");
  await machine.write("/etc/hosts", "127.0.0.1 localhost origin.test\n");
  return new Unit(machine, `${NAME}.service`);
}

/** Both ways to the origin, by kept and by new connections. */
async function serves(machine: Machine): Promise<void> {
  for (const path of ["/address", "/name"]) {
    const load = await startLoad(machine, { port: PORT, path, keepAlive: 2, oneRequest: 2, pauseMs: 5 });
    await sleep(LOAD_MS);
    const { requests, failures } = await load.stop();
    assert.deepEqual(failures, {});
    assert.ok(requests > 10, `${requests} requests`);
  }
}

/** By an address that the machine gets only now. */
async function serveLate(machine: Machine): Promise<void> {
  await inNetwork(machine, "ip", "address", "add", `${LATE}/24`, "dev", "lo");
  const address = `http://${LATE}:${PORT + 1}/address`;
  assert.equal(
    await inNetwork(machine, "curl", "-sS", "--max-time", "5", "--header", "Host: localhost", address),
    "ok",
  );
}

/** What the service's user can write to, as the service sees the machine; sockets and devices are for talking. */
async function writablePlaces(unit: Unit, uid: string): Promise<string[]> {
  const { MainPID } = await unit.state();
  const { stdout } = await unit.machine.run([
    ...["nsenter", `--target=${MainPID}`, "--mount", "--"],
    ...["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"],
    ...[
      "find",
      "/",
      "-path",
      "/proc",
      "-prune",
      "-o",
      "-writable",
      "(",
      "-type",
      "f",
      "-o",
      "-type",
      "d",
      ")",
      "-print",
    ],
  ]);
  return stdout.split("\n").filter(Boolean);
}

test("a service installed by hand serves as nobody that the machine knows, and can do nothing but that", {
  skip: labMissing,
}, async () => {
  const machine = await Machine.boot();
  await startOrigin(machine, ORIGIN_PORT);
  const unit = await install(machine);
  // As Debian's initramfs mounts it; the network library is loaded from there all the same.
  await machine.must("mount", "--options", "remount,noexec", "/run");
  assert.equal(await machine.must("systemd-analyze", "verify", "--man=no", unit.name), "");
  await machine.must("systemctl", "restart", "systemd-sysctl");
  await machine.must("systemctl", "enable", "--now", "--quiet", NAME);

  const { ActiveState, SubState } = await unit.state();
  assert.deepEqual([ActiveState, SubState], ["active", "running"]);
  await serves(machine);
  await serveLate(machine);
  await machine.must("systemd-analyze", "security", "--threshold=20", unit.name);
  const status = await unit.proc("status");
  const uid = /^Uid:\t(\d+)\t/m.exec(status)![1]!;
  assert.ok(Number(uid) >= 61_184, `user ${uid} exists while the service runs (systemd.exec(5), DynamicUser=)`);
  assert.match(status, /^CapBnd:\t0000000000000400$/m, "CAP_NET_BIND_SERVICE alone");
  assert.match(status, /^NoNewPrivs:\t1\nSeccomp:\t2$/m);
  assert.deepEqual(await writablePlaces(unit, uid), [`/run/${NAME}`]);
  const stopMs = performance.now();
  await machine.must("systemctl", "stop", NAME);
  assert.equal((await unit.state()).Result, "success");
  assert.ok(performance.now() - stopMs < 5000);
  assert.equal((await machine.run(["test", "-e", `/run/${NAME}`])).code, 1, "nothing is left in memory");
});

test("nothing that the unit's filter of system calls refuses is ever asked for", { skip: labMissing }, async () => {
  const machine = await Machine.boot();
  await startOrigin(machine, ORIGIN_PORT);
  const unit = await install(machine);
  // Who asks is killed, and it shows.
  await machine.write(`/etc/systemd/system/${unit.name}.d/kill.conf`, "[Service]\nSystemCallErrorNumber=kill\n");
  await machine.must("systemctl", "restart", "systemd-sysctl");
  await machine.must("systemctl", "start", NAME);
  await serves(machine);
  await machine.must("systemctl", "reload", NAME);
  await unit.kill("SIGUSR1");
  // A sign of life and more.
  await sleep(WATCHDOG_S * 1000);
  await serves(machine);
  await machine.must("systemctl", "stop", NAME);
  const { Result, NRestarts } = await unit.state();
  assert.deepEqual([Result, NRestarts], ["success", 0], await unit.journal());
});
