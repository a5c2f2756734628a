/** The package, installed on a fresh root as a user does it: what then runs, and with which rights. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { inNetwork, startLoad, startOrigin } from "../harness/network/start.ts";
import { bootInstalled, install, NAME, ORIGIN_PORT, PORT, WATCHDOG_MS } from "./gateway.ts";
import { Machine } from "./machine.ts";
import { isFull, labMissing } from "./needs.ts";
import { Unit } from "./unit.ts";

const EXPOSURE_MAX = 2.0;
/** An address that no file of the gateway has. */
const STRANGER = "192.0.2.9";

async function serves(machine: Machine): Promise<void> {
  const load = await startLoad(machine, { port: PORT, path: "/anything", keepAlive: 2, oneRequest: 2, pauseMs: 0 });
  const { requests, failures } = await load.stop();
  assert.deepEqual([requests >= 4, failures], [true, {}]);
}

test("installed with apt-get, it is active, ready and serving at once", { skip: labMissing }, async () => {
  const machine = await Machine.boot();
  await startOrigin(machine, ORIGIN_PORT);
  const unit = await install(machine);
  await serves(machine);
  const { ActiveState, SubState, StatusText, NRestarts } = await unit.state();
  assert.deepEqual([ActiveState, SubState, NRestarts], ["active", "running", 0]);
  assert.match(StatusText, /^serving 2 routes on http:\/\/127\.0\.0\.1:8080/);
  assert.equal(await machine.must("systemctl", "is-enabled", NAME), "enabled\n");
  assert.equal(await machine.must("systemctl", "is-system-running"), "running\n");
  const [tcpMigrate, backlog] = ["tcp_migrate_req", "tcp_max_syn_backlog"].map((name) => `/proc/sys/net/ipv4/${name}`);
  assert.equal(await machine.must("cat", tcpMigrate!), "1\n", "the sysctl drop-in");
  assert.ok(Number(await machine.must("cat", backlog!)) >= 1024);
});

test("on a read-only root it starts at boot, as a user of its own, and can write nowhere but in its runtime directory", {
  skip: labMissing,
}, async (context) => {
  const first = await Machine.boot();
  await install(first);
  await first.powerOff();
  const machine = await Machine.boot({ disk: first.disk, readOnly: true });
  const unit = new Unit(machine, `${NAME}.service`);
  await unit.until(({ ActiveState }) => ActiveState === "active", "active");
  await startOrigin(machine, ORIGIN_PORT);
  await serves(machine);

  const status = await unit.proc("status");
  const [uid, gid] = ["Uid", "Gid"].map((name) => Number(new RegExp(`^${name}:\t(\\d+)`, "m").exec(status)![1]));
  // systemd.exec(5): the range of dynamic users.
  assert.ok(uid! >= 61_184 && uid! <= 65_519, `user ${uid}`);
  assert.match(status, /^CapEff:\t0+$/m);
  assert.match(status, /^CapBnd:\t0+$/m);
  assert.match(status, /^NoNewPrivs:\t1$/m);
  assert.match(status, /^Seccomp:\t2$/m);
  assert.deepEqual(await unit.writablePlaces(uid!, gid!), [`/run/${NAME}`]);

  const told = await machine.must("systemd-analyze", "security", "--no-pager", NAME);
  const exposure = Number(/Overall exposure level for .*: ([\d.]+)/.exec(told)![1]);
  context.diagnostic(`systemd-analyze security: ${exposure}`);
  assert.ok(exposure <= EXPOSURE_MAX, told);
});

test("where systemd keeps the address filter, who is in it is served and watched, and nobody else", {
  skip: labMissing,
}, async () => {
  const { machine: filtered } = await bootInstalled({}, { unified: true });
  const { machine: open } = await bootInstalled();
  for (const machine of [filtered, open]) {
    await startOrigin(machine, ORIGIN_PORT);
    await serves(machine);
    await inNetwork(machine, "ip", "address", "add", `${STRANGER}/32`, "dev", "lo");
  }
  const ask = (machine: Machine): Promise<string> =>
    inNetwork(machine, "curl", "-sS", "--max-time", "2", "--interface", STRANGER, `http://127.0.0.1:${PORT}/fixed`);
  assert.equal(await ask(open), "fixed", "nothing but the filter keeps it out");
  await assert.rejects(ask(filtered), /timed out/);
  if (isFull) await sleep(WATCHDOG_MS * 1.5);
  await serves(filtered);
  assert.equal((await new Unit(filtered, `${NAME}.service`).state()).NRestarts, 0);
});
