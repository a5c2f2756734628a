/**
 * How a new executable gets to a device: as a delta against the one that is there, applied with a shell and what a
 * BusyBox has, or whole and compressed.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { findCacheFolder } from "../build/cache.mjs";
import { findPieces } from "../build/delta/pieces.ts";
import { ask, Device, get, hostTarget, pack, ports } from "./harness.ts";

const HARDWIRE = resolve(import.meta.dirname, "../build/launch.mjs");
const DELTA_BYTES_MAX = 64 * 1024;
const folder = mkdtempSync(join(tmpdir(), "hardwire-test-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const hardwire = (...args: string[]) =>
  spawnSync(process.execPath, [HARDWIRE, ...args], { cwd: folder, encoding: "utf8" });
const sha256 = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** A gateway of many routes, the answer of one of them as given. */
function routes(body: string, more: object[] = []): object {
  const ping = { name: "ping", match: { path: "/ping" }, respond: { status: 200, body } };
  const many = Array.from({ length: 200 }, (_, i) => ({
    name: `route-${i}`,
    match: { path: `/v1/things-${i}/{id}` },
    upstream: "api",
    timeouts: { request: `${10 + (i % 7)}s` },
  }));
  const api = { endpoints: [{ url: `http://127.0.0.1:${ports.device + 1}` }] };
  return {
    version: 1,
    name: "updated",
    defaults: { hosts: ["localhost"] },
    upstreams: { api },
    routes: [ping, ...many, ...more],
  };
}

const EXTRA = { name: "extra", match: { path: "/extra/*" }, upstream: "api", rewrite: { strip_prefix: "/extra" } };

describe("a delta", () => {
  let old: string;
  let fresh: string;
  const delta = join(folder, "update");
  before(async () => {
    [old, fresh] = [await pack(routes("old")), await pack(routes("new", [EXTRA]))];
    const { status, stderr, stdout } = hardwire("delta", old, fresh, "--out", delta);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /: \d+\.\d kB; \d+\.\d kB of .* are not in .*\n$/);
  });

  const apply = (...args: string[]) => spawnSync("/bin/sh", [delta, ...args], { encoding: "utf8" });

  test("of a route more and an answer changed is small", () => {
    const { size } = statSync(delta);
    assert.ok(size <= DELTA_BYTES_MAX, `${size} bytes`);
  });

  test("replaces the old executable by the new one, which serves", async () => {
    const device = join(folder, "device");
    mkdirSync(device);
    const place = join(device, "gateway");
    copyFileSync(old, place);
    const { status, stderr } = apply(place, place);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.equal(sha256(place), sha256(fresh));
    assert.equal(statSync(place).mode & 0o777, 0o755);
    assert.deepEqual(readdirSync(device), ["gateway"]);
    const running = new Device(place);
    await running.says(/: listening on /);
    const answer = await ask(ports.device, get("/ping"));
    await running.stop();
    assert.equal(answer.body.toString(), "new");
  });

  test("needs no more than a BusyBox has", (t) => {
    const tools = ["sh", "dd", "head", "tail", "gunzip", "sha256sum", "chmod", "mv", "rm", "sync"];
    const own = join(folder, "tools");
    mkdirSync(own);
    const busybox = ["/bin/busybox", "/usr/bin/busybox"].find((path) => existsSync(path));
    for (const tool of tools) {
      const found = busybox ?? ["/bin", "/usr/bin"].map((place) => join(place, tool)).find((path) => existsSync(path))!;
      // gunzip is itself a script that calls gzip, but in a BusyBox.
      symlinkSync(found, join(own, tool));
      if (tool === "gunzip" && busybox === undefined) symlinkSync("/bin/gzip", join(own, "gzip"));
    }
    const out = join(folder, "by-tools");
    const { status, stderr } = spawnSync(join(own, "sh"), [delta, old, out], { encoding: "utf8", env: { PATH: own } });
    assert.deepEqual([status, stderr], [0, ""]);
    assert.equal(sha256(out), sha256(fresh));
    if (busybox === undefined) t.diagnostic("no BusyBox here: with the ordinary tools, and no others");
  });

  test("changes nothing where something is wrong, and says what", () => {
    const own = join(folder, "wrong");
    mkdirSync(own);
    const place = join(own, "gateway");
    writeFileSync(place, "another");
    const cases: [string[], number, RegExp][] = [
      [[place, place], 65, /gateway is not the file this update is for/],
      [[join(own, "missing"), place], 66, /cannot read .*missing/],
      [[old], 64, /usage: sh .*update OLD NEW/],
      [[old, own], 64, /is a folder/],
      [[old, "/proc/nowhere"], 74, /cannot write \/proc\/nowhere/],
    ];
    for (const [args, code, message] of cases) {
      const { status, stderr } = apply(...args);
      assert.equal(status, code, stderr);
      assert.match(stderr, message);
    }
    assert.equal(readFileSync(place, "utf8"), "another");
    assert.deepEqual(readdirSync(own), ["gateway"]);
    const damaged = join(own, "damaged");
    const data = readFileSync(delta);
    data.writeUInt8(data.readUInt8(data.length - 100) ^ 1, data.length - 100);
    writeFileSync(damaged, data);
    const { status } = spawnSync("/bin/sh", [damaged, old, place], { encoding: "utf8" });
    assert.equal(status, 74);
    assert.equal(readFileSync(place, "utf8"), "another");
  });

  test("is refused for what are not two gateways of one architecture", async () => {
    const arm = await pack(routes("new"), hostTarget({ target: "linux-arm64" }));
    const x64 = await pack(routes("new"), hostTarget({ target: "linux-x64" }));
    assert.match(hardwire("delta", x64, arm, "--out", "d").stderr, /is for linux-x64, .* for linux-arm64/);
    assert.equal(hardwire("delta", process.execPath, fresh, "--out", "d").status, 65);
    assert.equal(hardwire("delta", old, "missing", "--out", "d").status, 66);
    assert.equal(hardwire("delta", old, fresh, "--out", "no/such/d").status, 73);
    assert.equal(existsSync(join(folder, "d")), false);
    const { status, stdout } = hardwire("delta", arm, arm, "--out", "same", "--json");
    assert.equal(status, 0);
    assert.equal(JSON.parse(stdout).bytes.own, 0);
  });
});

test("the pieces of any two files make the second of the first", () => {
  // Blocks that are moved, doubled, cut and changed, of texts that are alike.
  const block = fc.tuple(
    fc.integer({ min: 0, max: 9 }),
    fc.integer({ min: 0, max: 9000 }),
    fc.integer({ min: 0, max: 9000 }),
  );
  const source = Buffer.from(
    Array.from({ length: 90_000 }, (_, i) => (Math.imul(i ^ (i >> 7), 0x9e3779b1) >>> 24) & (i % 3 ? 255 : 1)),
  );
  const file = fc
    .array(block, { maxLength: 12 })
    .map((list) =>
      Buffer.concat(list.map(([at, skip, bytes]) => source.subarray(at * 9000 + skip, at * 9000 + skip + bytes))),
    );
  fc.assert(
    fc.property(file, file, (old, fresh) => {
      const pieces = findPieces(old, fresh);
      const made = pieces.map(({ from, offset, length }) =>
        (from === "old" ? old : fresh).subarray(offset, offset + length),
      );
      assert.equal(Buffer.compare(Buffer.concat(made), fresh), 0);
    }),
    { numRuns: 300 },
  );
  const [old, fresh] = [
    source,
    Buffer.concat([source.subarray(40_000), Buffer.from("own"), source.subarray(0, 40_000)]),
  ];
  const own = findPieces(old, fresh).filter(({ from }) => from === "new");
  assert.ok(own.reduce((sum, { length }) => sum + length, 0) < 300, JSON.stringify(own));
});

test("compressed it is a third, and zstd makes the same file of it", (t) => {
  writeFileSync(join(folder, "routes.json"), JSON.stringify(routes("x")));
  writeFileSync(join(folder, "target.json"), JSON.stringify(hostTarget()));
  const out = join(folder, "gateway");
  const args = ["build", "routes.json", "--target", "target.json", "--out", out, "--compress"];
  const { status, stdout, stderr } = hardwire(...args, "--json");
  assert.equal(status, 0, stderr);
  const { bytes, compressed } = JSON.parse(stdout);
  assert.ok(bytes.artefact <= 117e6, `${bytes.artefact} bytes`);
  assert.ok(compressed.bytes <= 25e6, `${compressed.bytes} bytes compressed`);
  const data = readFileSync(`${out}.zst`);
  assert.equal(data.length, compressed.bytes);
  const zstd = spawnSync("zstd", ["--decompress", "--stdout", `${out}.zst`], { maxBuffer: 2e8 });
  if (zstd.error === undefined) assert.equal(Buffer.compare(zstd.stdout, readFileSync(out)), 0);
  else t.diagnostic("no zstd here: only hardwire's own check");
  assert.equal(sha256(`${out}.zst`), compressed.sha256);
  // Again, from the cache: the same bytes.
  rmSync(`${out}.zst`);
  assert.equal(hardwire(...args).status, 0);
  assert.equal(sha256(`${out}.zst`), compressed.sha256);

  // A damaged cache is found out, written nowhere, and removed.
  rmSync(`${out}.zst`);
  const cache = join(folder, "cache", "hardwire");
  mkdirSync(cache, { recursive: true });
  for (const part of ["runtime", "prepared"]) symlinkSync(join(findCacheFolder(), part), join(cache, part));
  cpSync(join(findCacheFolder(), "compressed"), join(cache, "compressed"), { recursive: true });
  // Packages keep what they compress there, too, under other names.
  const frames = globSync(join(cache, "compressed", "*", "19.zst"));
  assert.ok(frames.length >= 2, `${frames}`);
  for (const path of frames) writeFileSync(path, readFileSync(path).fill(1, 100_000, 100_100));
  const env = { ...process.env, XDG_CACHE_HOME: join(folder, "cache") };
  const damaged = spawnSync(process.execPath, [HARDWIRE, ...args], { cwd: folder, encoding: "utf8", env });
  assert.deepEqual(
    [damaged.status, existsSync(`${out}.zst`), existsSync(join(cache, "compressed"))],
    [70, false, false],
  );
  assert.match(damaged.stderr, /in the cache was damaged and is now removed; build again/);
});
