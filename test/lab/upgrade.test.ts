/** A build takes over from another while systemd looks on, with the unit that the build makes. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { check } from "../../build/compile.ts";
import { makeSysctl, makeUnit } from "../../build/service/index.ts";
import { HOST_TARGET, pack } from "../harness/device.ts";
import { inNetwork, startLoad, startOrigin } from "../harness/network/start.ts";
import { Machine, type Ran } from "./machine.ts";
import { isFull, labMissing } from "./needs.ts";
import { Unit } from "./unit.ts";

const NAME = "swap";
const PORT = 8080;
const ORIGIN_PORT = 3001;
const UPGRADES = isFull ? 50 : 4;
const PROBATION_MS = 3000;
const WATCHDOG_S = 5;

const routes = (version: string, port = ORIGIN_PORT) => ({
  version: 1,
  name: NAME,
  upstreams: { api: { endpoints: [{ url: `http://127.0.0.1:${port}` }] } },
  routes: [
    { name: "all", match: { path: "/*" }, upstream: "api" },
    { name: "version", match: { path: "/version" }, respond: { status: 200, body: version } },
  ],
  tests: [{ request: "GET localhost/version", expect: { route: "version" } }],
});

const TARGET = {
  target: HOST_TARGET,
  listeners: { public: { address: `127.0.0.1:${PORT}` } },
  limits: { in_flight: 128, connections: 512 },
  timing: { drain: "5s" },
  service: { manager: "systemd", watchdog: `${WATCHDOG_S}s` },
  update: { probation: `${PROBATION_MS}ms`, p99: "2s", min_requests: 50 },
};

/** A machine on which the first build was installed and serves. */
class Gateway {
  readonly machine: Machine;
  readonly unit: Unit;

  static async install(file: string): Promise<Gateway> {
    const folder = dirname(file);
    const { design } = await check(join(folder, "routes.json"), join(folder, "target.json"));
    const machine = await Machine.boot();
    await startOrigin(machine, ORIGIN_PORT);
    await machine.write(`/usr/lib/systemd/system/${NAME}.service`, makeUnit(design!.plan));
    await machine.write(`/usr/lib/sysctl.d/60-${NAME}.conf`, makeSysctl(design!.plan));
    await machine.write("/proc/sys/net/ipv4/tcp_migrate_req", "1");
    const gateway = new Gateway(machine);
    await gateway.put(file);
    await gateway.must("install");
    await machine.must("systemctl", "daemon-reload");
    await machine.must("systemctl", "start", NAME);
    return gateway;
  }

  constructor(machine: Machine) {
    this.machine = machine;
    this.unit = new Unit(machine, `${NAME}.service`);
  }

  /** What the package does: the new file has its name, and the old one is gone. */
  async put(file: string): Promise<void> {
    await this.machine.copyIn(file, `/usr/lib/${NAME}/new`, "0755");
    await this.machine.must("mv", `/usr/lib/${NAME}/new`, `/usr/lib/${NAME}/${NAME}`);
  }

  command(...words: string[]): Promise<Ran> {
    return this.machine.run([`/usr/lib/${NAME}/${NAME}`, ...words]);
  }

  async must(...words: string[]): Promise<string> {
    return await this.machine.must(`/usr/lib/${NAME}/${NAME}`, ...words);
  }

  async status() {
    return JSON.parse(await this.must("status", "--json")) as {
      current: string;
      running: { pid: number; build: string } | null;
      trial: { phase: string } | null;
      last: { verdict: string; reason: string } | null;
    };
  }

  async untilOnTrial(): Promise<void> {
    for (let i = 0; i < 200; i++) {
      if ((await this.status()).trial?.phase === "probation") return;
      await sleep(20);
    }
    assert.fail(`nothing is on trial:\n${await this.unit.journal()}`);
  }

  /** Its processes; the first one was there first. */
  async processes(): Promise<number[]> {
    const list = `for p in /proc/[0-9]*; do case $(readlink $p/exe) in /opt/${NAME}/*) echo \${p#/proc/};; esac; done`;
    const told = await this.machine.must("sh", "-c", list);
    return [...told.matchAll(/\d+/g)].map(Number).sort((a, b) => a - b);
  }

  version(): Promise<string> {
    return inNetwork(this.machine, "curl", "-sS", `http://127.0.0.1:${PORT}/version`);
  }

  /** systemd and the program agree on which process and which build it is. */
  async agrees(version: string): Promise<number> {
    const { current, running } = await this.status();
    const { MainPID, ActiveState } = await this.unit.until(({ MainPID }) => MainPID === running!.pid, "followed");
    assert.equal(ActiveState, "active");
    assert.equal(running!.build, current);
    assert.equal(await this.version(), version);
    return MainPID;
  }
}

test(`${UPGRADES} upgrades on a machine under load: systemd follows, no request fails`, {
  skip: labMissing,
  timeout: 900_000,
}, async (context) => {
  const files = [await pack(routes("one"), TARGET), await pack(routes("two"), TARGET)];
  const gateway = await Gateway.install(files[0]!);
  const { machine, unit } = gateway;
  await gateway.agrees("one");
  const load = await startLoad(machine, { port: PORT, path: "/x", keepAlive: 8, oneRequest: 8, pauseMs: 5 });
  for (let i = 1; i <= UPGRADES; i++) {
    await gateway.put(files[i % 2]!);
    await gateway.must("activate");
    await gateway.agrees(i % 2 === 1 ? "two" : "one");
  }
  const begun = performance.now();
  await gateway.must("rollback");
  const backMs = performance.now() - begun;
  assert.ok(backMs < 5000, `${backMs} ms`);
  await gateway.agrees(UPGRADES % 2 === 1 ? "one" : "two");
  const { requests, connections, failures } = await load.stop();
  assert.deepEqual(failures, {}, await unit.journal());
  assert.equal((await unit.state()).NRestarts, 0);
  context.diagnostic(`${requests} requests, ${connections} connections; rollback in ${Math.round(backMs)} ms`);
});

test("systemd watches, restarts and stops what has taken over", { skip: labMissing, timeout: 300_000 }, async () => {
  const gateway = await Gateway.install(await pack(routes("one"), TARGET));
  const { machine, unit } = gateway;
  await gateway.put(await pack(routes("two"), TARGET));
  await gateway.must("activate");
  const taken = await gateway.agrees("two");

  // The one before has gone, and the watchdog watches the one after it.
  await sleep(WATCHDOG_S * 1500);
  assert.equal(await gateway.agrees("two"), taken);
  await unit.kill("SIGSTOP");
  await unit.until(({ NRestarts, ActiveState }) => NRestarts === 1 && ActiveState === "active", "started again");
  assert.notEqual(await gateway.agrees("two"), taken);
  await unit.kill("SIGSEGV");
  await unit.until(({ NRestarts, ActiveState }) => NRestarts === 2 && ActiveState === "active", "started again");
  await gateway.agrees("two");

  await machine.must("systemctl", "restart", NAME);
  await gateway.agrees("two");
  await machine.must("systemctl", "stop", NAME);
  const { ActiveState, Result } = await unit.state();
  assert.deepEqual([ActiveState, Result], ["inactive", "success"]);
  assert.deepEqual(await gateway.processes(), []);
});

test("a build on trial: what happens to it, and to its guardian", { skip: labMissing, timeout: 300_000 }, async () => {
  const gateway = await Gateway.install(await pack(routes("one"), TARGET));
  const { machine, unit } = gateway;
  const guardian = await gateway.agrees("one");
  await gateway.put(await pack(routes("two"), TARGET));

  // It crashes: nothing is started again, since the one before is there.
  let activation = gateway.command("activate");
  await gateway.untilOnTrial();
  const [first, second] = await gateway.processes();
  assert.equal(first, guardian);
  process.kill(machine.pidOnHost(second!), "SIGKILL");
  assert.equal((await activation).code, 1);
  assert.equal(await gateway.agrees("one"), guardian);
  assert.equal((await unit.state()).NRestarts, 0);

  // The guardian crashes: systemd starts what `current` names, and ends what is left.
  activation = gateway.command("activate");
  await gateway.untilOnTrial();
  process.kill(machine.pidOnHost(guardian), "SIGKILL");
  assert.equal((await activation).code, 1);
  await unit.until(({ NRestarts, ActiveState }) => NRestarts === 1 && ActiveState === "active", "started again");
  await gateway.agrees("one");
  assert.equal((await gateway.processes()).length, 1);

  // Stopped in between: both end, in good order.
  activation = gateway.command("activate");
  await gateway.untilOnTrial();
  await machine.must("systemctl", "stop", NAME);
  assert.equal((await activation).code, 1);
  assert.equal((await unit.state()).Result, "success");
  assert.deepEqual(await gateway.processes(), []);
  await machine.must("systemctl", "start", NAME);
  await gateway.agrees("one");
});

test("the power goes while a build is on trial: the one before is started", {
  skip: labMissing,
  timeout: 300_000,
}, async () => {
  const gateway = await Gateway.install(await pack(routes("one"), TARGET));
  const { current } = await gateway.status();
  await gateway.put(await pack(routes("two"), TARGET));
  const activation = gateway.command("activate").catch(() => {});
  await gateway.untilOnTrial();
  await gateway.machine.cutPower();
  await activation;
  const again = new Gateway(await Machine.boot({ disk: gateway.machine.disk }));
  await again.machine.must("systemctl", "start", NAME);
  await again.agrees("one");
  assert.equal((await again.status()).current, current);
  await again.must("activate");
  await again.agrees("two");
});
