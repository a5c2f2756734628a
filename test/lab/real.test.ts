/** The lab is what it says: a booted Debian, with nothing of the host's within reach. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Machine } from "./machine.ts";
import { labMissing } from "./needs.ts";

test("systemd is process 1 of a machine that is up without a failed unit", { skip: labMissing }, async () => {
  const machine = await Machine.boot();
  assert.equal(await machine.must("systemctl", "is-system-running"), "running\n");
  assert.equal(await machine.must("cat", "/proc/1/comm"), "systemd\n");
  assert.match(readFileSync(`/proc/${machine.init}/status`, "utf8"), /^NSpid:\t\d+\t\d+\t1$/m);
  assert.match(await machine.must("journalctl", "--boot", "_PID=1"), /Startup finished/);
  assert.deepEqual((await machine.must("ls", "/sys/class/net")).split("\n").filter(Boolean), ["lo"]);
  await machine.powerOff();
});

test("systemd keeps MemoryMax= and TasksMax= in a machine", { skip: labMissing }, async () => {
  const machine = await Machine.boot();
  const hungry = ["perl", "-e", "my @all = map { 'x' x 1000000 } 1 .. 100"];
  const run = ["systemd-run", "--wait", "--collect", "--quiet", "--property=MemorySwapMax=0"];
  assert.equal((await machine.run([...run, "--property=MemoryMax=200M", ...hungry])).code, 0);
  assert.notEqual((await machine.run([...run, "--property=MemoryMax=50M", ...hungry])).code, 0);
  const forks = ["sh", "-c", "true & true & true & wait"];
  assert.equal((await machine.run([...run, "--property=TasksMax=5", ...forks])).code, 0);
  assert.notEqual((await machine.run([...run, "--property=TasksMax=1", ...forks])).code, 0);
});

test("a machine with a read-only root is up without a failed unit, and what was on its disk is there", {
  skip: labMissing,
}, async () => {
  const first = await Machine.boot();
  await first.write("/opt/kept", "kept");
  await first.powerOff();
  const machine = await Machine.boot({ disk: first.disk, readOnly: true });
  assert.equal(await machine.must("systemctl", "is-system-running"), "running\n");
  assert.equal(await machine.must("cat", "/opt/kept"), "kept");
  for (const folder of ["/", "/usr", "/etc", "/opt"]) {
    assert.match((await machine.run(["touch", `${folder}/written`])).stderr, /Read-only file system/);
  }
});

test("nothing of one machine is on the next", { skip: labMissing }, async () => {
  const first = await Machine.boot();
  await first.write("/usr/left", "");
  const second = await Machine.boot();
  assert.equal((await first.run(["test", "-e", "/usr/left"])).code, 0);
  assert.equal((await second.run(["test", "-e", "/usr/left"])).code, 1);
});
