/** A service that runs as a user of the device (`service.user`) instead of one that exists while it runs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startLoad, startOrigin } from "../harness/network/start.ts";
import {
  activate,
  type Build,
  fetchText,
  NAME,
  NEXT_ROUTES,
  ORIGIN_PORT,
  PORT,
  TARGET,
  tryInstall,
} from "./gateway.ts";
import { Machine } from "./machine.ts";
import { isFull, labMissing } from "./needs.ts";
import { Unit } from "./unit.ts";

const USER = "gateway";
const ACCOUNT = "useradd --system --no-create-home --shell /usr/sbin/nologin".split(" ");
const BUILD: Build = { target: { ...TARGET, service: { ...TARGET.service, user: USER } } };
/** systemd.exec(5): EXIT_USER. */
const NO_USER = 217;

test("without its user it is tried once and says so; with it, it serves as that user, and so does the next build", {
  skip: labMissing,
}, async () => {
  const machine = await Machine.boot();
  const unit = new Unit(machine, `${NAME}.service`);
  const told = await tryInstall(machine, BUILD);
  assert.match(
    told.stdout + told.stderr,
    /lab-gw: it does not start; journalctl --unit=lab-gw says why/,
    "whoever installs it gets to know",
  );
  // Between two tries it would be "activating".
  const failed = await unit.until(({ ActiveState }) => ActiveState === "failed", "failed");
  assert.deepEqual(
    [failed.ActiveState, failed.ExecMainStatus, failed.NRestarts],
    ["failed", NO_USER, 0],
    await unit.journal(),
  );
  assert.match(await unit.journal(), /status=217\/USER/);

  await machine.must(...ACCOUNT, USER);
  await machine.must("systemctl", "restart", NAME);
  await runsAs(unit, USER);
  assert.equal(await fetchText(machine, "/fixed"), "fixed");
  if (isFull) await isUpgraded(unit);
});

async function isUpgraded(unit: Unit): Promise<void> {
  const { machine } = unit;
  await startOrigin(machine, ORIGIN_PORT);
  const load = await startLoad(machine, { port: PORT, path: "/x", keepAlive: 4, oneRequest: 4, pauseMs: 5 });
  const { MainPID } = await unit.state();
  const { code, stdout } = await activate(machine, { ...BUILD, routes: NEXT_ROUTES });
  assert.equal(code, 0, stdout);
  await unit.until((now) => now.ActiveState === "active" && now.MainPID !== MainPID, "another process");
  await runsAs(unit, USER);
  assert.equal(await fetchText(machine, "/fixed"), "next");
  assert.deepEqual((await load.stop()).failures, {});
}

/** With that user's and its group's numbers, without any other right, and able to write in its own directory alone. */
async function runsAs(unit: Unit, user: string): Promise<void> {
  const [uid, gid] = await Promise.all(["--user", "--group"].map((kind) => numberOf(unit.machine, kind, user)));
  const status = await unit.proc("status");
  assert.deepEqual(/^Uid:\t(\d+)\t(\d+)/m.exec(status)?.slice(1).map(Number), [uid, uid]);
  assert.deepEqual(/^Gid:\t(\d+)\t(\d+)/m.exec(status)?.slice(1).map(Number), [gid, gid]);
  assert.match(status, /^CapBnd:\t0+$/m);
  assert.match(status, /^NoNewPrivs:\t1\nSeccomp:\t2$/m);
  assert.deepEqual(await unit.writablePlaces(uid!, gid!), [`/run/${NAME}`]);
}

async function numberOf(machine: Machine, kind: string, user: string): Promise<number> {
  return Number(await machine.must("id", kind, user));
}
