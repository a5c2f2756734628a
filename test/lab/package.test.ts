/** The package's life on a machine: upgraded while it serves, and purged without a trace. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startLoad, startOrigin } from "../harness/network/start.ts";
import { bootInstalled, fetchText, install, NAME, NEXT_ROUTES, ORIGIN_PORT, PORT } from "./gateway.ts";
import { Machine } from "./machine.ts";
import { labMissing } from "./needs.ts";

/** What dpkg and apt keep for themselves. */
const OWN = /^\/(var\/(log|cache\/apt|cache\/debconf|lib\/apt|lib\/dpkg)|root)\//;

/** Every file of a machine's root by path, with what a link points to. */
async function listFiles(machine: Machine): Promise<string[]> {
  const skipped = ["/proc", "/sys", "/dev", "/run/systemd", "/run/udev", "/run/log", "/tmp"];
  const rules = skipped.flatMap((path) => ["-path", path, "-prune", "-o"]);
  return (await machine.must("find", "/", ...rules, "-printf", "%p %l\n")).split("\n").sort();
}

test("upgraded with apt-get under load, no request fails and the new build answers", {
  skip: labMissing,
}, async (context) => {
  const { machine } = await bootInstalled();
  await startOrigin(machine, ORIGIN_PORT);
  const load = await startLoad(machine, { port: PORT, path: "/x", keepAlive: 8, oneRequest: 8, pauseMs: 5 });
  await install(machine, { routes: NEXT_ROUTES, release: "1.1.0" });
  const { requests, failures } = await load.stop();
  assert.deepEqual(failures, {});
  assert.equal(await fetchText(machine, "/fixed"), "next");
  assert.match(await machine.must("dpkg", "--status", NAME), /^Status: install ok installed$/m);
  context.diagnostic(`${requests} requests meanwhile`);
});

test("purged, it leaves nothing", { skip: labMissing }, async () => {
  const machine = await Machine.boot();
  const before = await listFiles(machine);
  const unit = await install(machine);
  await machine.must("apt-get", "purge", "--yes", NAME);
  const after = await listFiles(machine);
  const left = after.filter((line) => !before.includes(line) && !OWN.test(line));
  assert.deepEqual(left, []);
  assert.deepEqual(
    after.filter((line) => line.includes(NAME) && !line.startsWith("/root/")),
    [],
  );
  assert.deepEqual(
    before.filter((line) => !after.includes(line) && !OWN.test(line)),
    [],
  );
  assert.equal((await machine.run(["systemctl", "cat", NAME])).code, 1);
  assert.equal((await unit.state()).ActiveState, "inactive");
});
