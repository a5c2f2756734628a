/** install, activate, rollback and status by themselves: what they leave on the device, whatever comes in between. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { atEnd, runFolder } from "../harness.ts";
import { builds, NAME } from "./builds.ts";
import { namespaceMissing } from "./namespace.ts";
import { Root, run } from "./service.ts";

const skip = namespaceMissing;
const NOBODY = 65534;

test("install puts the build into its slot, once, and makes the first one current", { skip }, async () => {
  const [one, two] = [await builds.one(), await builds.two()];
  const root = new Root();
  assert.match(
    (await root.command(one, "status")).stdout,
    /^current {4}none; install and activate make one\nrunning {4}no\n/,
  );
  for (const verdict of ["current", "unchanged"]) {
    const { code, stdout, stderr } = await root.command(one, "install", "--json");
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).verdict, verdict);
  }
  const build = root.link("current")!;
  const file = join(root.slots, build, NAME);
  assert.equal(statSync(file).mode & 0o7777, 0o755);
  assert.deepEqual(readdirSync(join(root.slots, build)), [NAME]);
  execFileSync("cmp", [one, file]);
  // What was damaged is put right, whatever it is now.
  writeFileSync(file, "damaged");
  chmodSync(file, 0o600);
  assert.equal((await root.command(one, "install")).code, 0);
  execFileSync("cmp", [one, file]);
  assert.equal((await root.command(two, "install")).code, 0);
  assert.equal(root.link("current"), build);
});

test("without a running service activate makes the build current, rollback the one before; others go", {
  skip,
}, async () => {
  const files = [await builds.one(), await builds.two(), await builds.failing()];
  const root = new Root();
  const made: string[] = [];
  for (const file of files) {
    const { code, stdout, stderr } = await root.command(file, "activate", "--json");
    assert.equal(code, 0, stderr);
    const { build, verdict } = JSON.parse(stdout);
    assert.equal(verdict, "current");
    made.push(build);
  }
  const [first, second, third] = made;
  assert.deepEqual([root.link("current"), root.link("previous"), root.link("next")], [third, second, undefined]);
  assert.ok(!existsSync(join(root.slots, first!)), "the one before the previous one is still there");
  const status = await root.status(files[0]!);
  assert.deepEqual([status.installed.toSorted(), status.running], [[second, third].toSorted(), null]);
  assert.equal((await root.command(files[0]!, "rollback")).code, 0);
  assert.deepEqual([root.link("current"), root.link("previous")], [second, third]);
  assert.equal((await root.command(files[0]!, "rollback")).code, 0);
  assert.deepEqual([root.link("current"), root.link("previous")], [third, second]);
});

test("rollback without a build before says so", { skip }, async () => {
  const one = await builds.one();
  const root = new Root();
  await root.command(one, "install");
  const { code, stderr } = await root.command(one, "rollback");
  assert.equal(code, 66);
  assert.match(stderr, /there is no previous build to go back to/);
});

test("what a package has installed gets a second name instead of a copy", { skip }, async () => {
  const root = new Root();
  const packaged = join(root.path, "usr/lib", NAME, NAME);
  mkdirSync(join(root.path, "usr/lib", NAME), { recursive: true });
  copyFileSync(await builds.one(), packaged);
  chmodSync(packaged, 0o755);
  assert.equal((await root.command(packaged, "install")).code, 0);
  const file = join(root.slots, root.link("current")!, NAME);
  assert.equal(statSync(file).ino, statSync(packaged).ino);
});

test("who is not root is told so, and nothing that others can write is used", { skip }, async () => {
  const one = await builds.one();
  const root = new Root();
  chmodSync(runFolder(), 0o711);
  for (const command of ["install", "activate", "rollback"]) {
    const { code, stderr } = await run(one, [command, "--root", root.path], { uid: NOBODY, gid: NOBODY });
    assert.equal(code, 77, stderr);
    assert.match(stderr, /run it as root/);
  }
  assert.equal(existsSync(join(root.path, "opt")), false);
  mkdirSync(root.slots, { recursive: true });
  chmodSync(root.slots, 0o777);
  const shared = await root.command(one, "install");
  assert.equal(shared.code, 77, shared.stderr);
  assert.match(shared.stderr, /opt\/swap is writable by others/);
  chmodSync(root.slots, 0o755);
  chownSync(join(root.path, "opt"), NOBODY, NOBODY);
  const foreign = await root.command(one, "install");
  assert.equal(foreign.code, 77, foreign.stderr);
  assert.match(foreign.stderr, /opt belongs to user 65534/);
  assert.deepEqual(readdirSync(root.slots), []);
});

test("a disk that is full, or cannot be written, is left as it was", { skip }, async () => {
  const [one, two] = [await builds.one(), await builds.two()];
  const root = new Root();
  mkdirSync(root.slots, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${statSync(one).size + (8 << 20)},mode=755`, "none", root.slots]);
  atEnd(() => execFileSync("umount", [root.slots]));
  assert.equal((await root.command(one, "activate")).code, 0);
  const current = root.link("current");
  const full = await root.command(two, "activate");
  assert.equal(full.code, 73, full.stderr);
  assert.match(full.stderr, /ENOSPC.*nothing was changed/);
  assert.deepEqual([root.link("current"), root.link("previous"), root.link("next")], [current, undefined, undefined]);
  assert.deepEqual(readdirSync(root.slots).toSorted(), [current, "current"].toSorted());
  execFileSync("mount", ["-o", "remount,ro", root.slots]);
  const readOnly = await root.command(two, "activate");
  assert.equal(readOnly.code, 73, readOnly.stderr);
  assert.match(readOnly.stderr, /EROFS/);
});

test("where /proc is not mounted, as in a chroot that builds an image, it says so", { skip }, async () => {
  const [one, root] = [await builds.one(), new Root()];
  const script = 'mount -t tmpfs none /proc && exec "$0" install --root "$1"';
  const { code, stderr } = await run("unshare", ["--mount", "sh", "-c", script, one, root.path]);
  assert.equal(code, 71, stderr);
  assert.match(stderr, /\/proc is not mounted/);
});

test("two commands at once: one is at work, the other is told; a killed one is in nobody's way", { skip }, async () => {
  const [one, two] = [await builds.one(), await builds.two()];
  const root = new Root();
  await root.command(one, "install");
  const both = await Promise.all([root.command(two, "activate"), root.command(one, "activate")]);
  const codes = both.map(({ code }) => code);
  assert.ok(codes.includes(0) && codes.every((code) => code === 0 || code === 75), String(codes));
  for (let waitMs = 5; waitMs < 400; waitMs *= 2) {
    await run("timeout", ["-s", "KILL", String(waitMs / 1000), two, "activate", "--root", root.path]);
    const { code, stderr } = await root.command(one, "activate");
    assert.equal(code, 0, stderr);
    execFileSync("cmp", [one, join(root.slots, "current", NAME)]);
  }
});

test("options that are not there are refused", { skip }, async () => {
  const one = await builds.one();
  for (const args of [
    ["install", "--force"],
    ["status", "--root"],
    ["activate", "0123456789ab"],
  ]) {
    const { code, stderr } = await run(one, args);
    assert.equal(code, 64);
    assert.match(stderr, /takes --json and --root DIR, not/);
  }
});
