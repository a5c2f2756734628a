/** The package where it cannot do what it was installed for: a build that is no good, a service that is not wanted. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { startLoad, startOrigin } from "../harness/network/start.ts";
import {
  bootInstalled,
  fetchText,
  install,
  NAME,
  NEXT_ROUTES,
  ORIGIN_PORT,
  PORT,
  ROUTES,
  tryInstall,
} from "./gateway.ts";
import type { Machine } from "./machine.ts";
import { isFull, labMissing } from "./needs.ts";

const skip = labMissing || (!isFull && "make device-test has it");
/** Everything is answered 502. */
const BAD = { ...ROUTES, upstreams: { origin: { endpoints: [{ url: "http://127.0.0.1:9" }] } } };
/** For one build of 83 MB, and not for two. */
const ROOM = "120M";
const NEXT = { ...ROUTES, routes: [ROUTES.routes[1]!] };

async function statusOf(machine: Machine): Promise<string> {
  return await machine.must("dpkg-query", "--show", `--showformat=\${Version} \${Status}`, NAME);
}

/** As an impatient administrator, or a lost session. */
function killInstallers(machine: Machine): void {
  for (const pid of readdirSync("/proc").map(Number)) {
    if (!(pid > 0) || !machine.has(pid)) continue;
    const command = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
    if (/(^|\/)(apt-get|dpkg)$/.test(command[0]!) || command.includes("activate")) process.kill(pid, "SIGKILL");
  }
}

test("a build that is rolled back fails its installation; the one before goes on, and its package puts it right", {
  skip,
}, async () => {
  const unit = await bootInstalled();
  const { machine } = unit;
  await startOrigin(machine, ORIGIN_PORT);
  const { MainPID } = await unit.state();
  const load = await startLoad(machine, { port: PORT, path: "/x", keepAlive: 4, oneRequest: 4, pauseMs: 5 });
  const { code, stdout } = await tryInstall(machine, { routes: BAD, release: "1.1.0" });
  await load.stop();
  assert.equal(code, 100);
  assert.match(stdout, /what ran before still does\. Install its package again, or try this one once more/);
  assert.equal(await statusOf(machine), "1.1.0 install ok half-configured");
  assert.equal((await unit.state()).MainPID, MainPID);

  await machine.must("sh", "-c", `dpkg --install /root/${NAME}_1.0.0_*.deb`);
  assert.equal(await statusOf(machine), "1.0.0 install ok installed");
  assert.equal((await unit.state()).MainPID, MainPID);
});

test("where there is no room for another build its installation fails, and goes on when there is", {
  skip,
}, async () => {
  const unit = await bootInstalled();
  const { machine } = unit;
  await machine.must("sh", "-c", `cp -a /opt /root && mount -t tmpfs -o size=${ROOM} none /opt && cp -a /root/opt /`);
  const { MainPID } = await unit.state();
  const { code, stdout } = await tryInstall(machine, { routes: NEXT_ROUTES, release: "1.1.0" });
  assert.equal(code, 100);
  assert.match(stdout, /cannot install into \/opt\/lab-gw: .*ENOSPC/);
  assert.match(stdout, /what ran before still does/);
  assert.equal((await unit.state()).MainPID, MainPID);
  assert.equal(await fetchText(machine, "/fixed"), "fixed");
  assert.equal((await machine.must("sh", "-c", `find /opt -name '.*'`)).trim(), "", "something half-written is left");

  await machine.must("mount", "-o", "remount,size=50%", "/opt");
  await machine.must("dpkg", "--configure", "--pending");
  assert.equal(await statusOf(machine), "1.1.0 install ok installed");
  assert.equal(await fetchText(machine, "/fixed"), "next");
});

test("an installation that is killed while the build is on trial is no harm, and can be gone on with", {
  skip,
}, async () => {
  const unit = await bootInstalled();
  const { machine } = unit;
  const installing = tryInstall(machine, { routes: NEXT_ROUTES, release: "1.1.0" });
  await unit.untilSays(/serves, on probation/);
  killInstallers(machine);
  await assert.rejects(installing, /apt-get install/);
  await unit.untilSays(/rolled back: /);
  assert.equal(await fetchText(machine, "/fixed"), "fixed");

  await machine.must("dpkg", "--configure", "--pending");
  assert.equal(await statusOf(machine), "1.1.0 install ok installed");
  assert.equal(await fetchText(machine, "/fixed"), "next");
  const { ActiveState } = await unit.state();
  assert.equal(ActiveState, "active");
});

test("what the administrator has disabled, an upgrade leaves alone", { skip }, async () => {
  const unit = await bootInstalled();
  const { machine } = unit;
  await machine.must("systemctl", "disable", "--now", NAME);
  await install(machine, { routes: NEXT, release: "1.1.0" });
  assert.equal((await unit.state()).ActiveState, "inactive");
  await machine.must("systemctl", "enable", "--now", NAME);
  const status = JSON.parse(await machine.must(`/opt/${NAME}/current/${NAME}`, "status", "--json"));
  assert.equal(status.running.build, status.current);
  assert.notEqual(status.current, status.previous);
});
