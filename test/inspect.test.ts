/**
 * Seeing inside an executable: `--manifest` on the device, `hardwire inspect` and `hardwire diff` anywhere, and that
 * everything which is not an executable of hardwire's is refused in one line.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { before, describe, test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { readElf } from "../build/elf/read.ts";
import { ForeignFile, lookInside, readInside } from "../build/manifest/read.ts";
import { OBSERVED, OBSERVED_LISTENERS } from "./harness/observed-gateway.ts";
import { GATEWAY, HOST_TARGET, hostTarget, pack, runFolder } from "./harness.ts";

const HARDWIRE = resolve(import.meta.dirname, "../build/launch.mjs");
const folder = join(runFolder(), "inspect");
mkdirSync(folder, { recursive: true });

function hardwire(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [HARDWIRE, ...args], { encoding: "utf8", cwd: folder });
}

/** GATEWAY with some routes given other settings. */
function changed(changes: Readonly<Record<string, object>>): object {
  const routes = GATEWAY.routes.map((route) => ({ ...route, ...changes[route.name] }));
  return { ...GATEWAY, routes };
}

let old: string;
before(async () => {
  old = await pack(GATEWAY);
});

describe("a manifest", () => {
  test("is the same from the device and from inspect, and has every setting that holds for a route", () => {
    const { stdout } = spawnSync(old, ["--manifest"], { encoding: "utf8", env: {} });
    const inside = JSON.parse(hardwire("inspect", old, "--json").stdout);
    assert.deepEqual(inside.manifest, JSON.parse(stdout));
    assert.deepEqual(Object.keys(inside), ["file", "bytes", "manifest", "sha256"]);
    const { manifest } = inside;
    assert.equal(manifest.manifest, 1);
    assert.equal(manifest.target, HOST_TARGET);
    assert.equal(manifest.versions.node, process.versions.node);
    assert.deepEqual(
      Object.keys(manifest.routes),
      GATEWAY.routes.map(({ name }) => name),
    );
    assert.partialDeepStrictEqual(manifest.routes.small, {
      listeners: null,
      hosts: null,
      path: "/small",
      methods: ["POST", "PUT"],
      headers: {},
      query: {},
      upstream: "api",
      timeouts: { connect_ms: 1000, queue_ms: 1000, response_header_ms: 10_000, request_ms: 60_000, idle_ms: 10_000 },
      body_bytes_max: 16,
    });
    const { total, limit, ...terms } = manifest.budget.memory_bytes as Record<string, number>;
    assert.equal(limit, null);
    assert.equal(
      Object.values(terms).reduce((sum, bytes) => sum + bytes, 0),
      total,
      "terms and their sum",
    );
  });

  test("names no path of this machine", () => {
    const { stdout } = spawnSync(old, ["--manifest"], { encoding: "utf8", env: {} });
    for (const path of [runFolder(), resolve(import.meta.dirname, "..")]) assert.ok(!stdout.includes(path), path);
  });

  test("is shown as text, route by route", () => {
    const { stdout, status } = hardwire("inspect", old);
    assert.equal(status, 0);
    assert.match(stdout, /^edge for linux-\w+: .*gateway\n {2}sha256 +[0-9a-f]{64}\n/);
    assert.match(
      stdout,
      /\n {2}small\n( {4}.*\n)* {4}timeouts +connect 1s, queue 1s, .*, idle 10s\n {4}body_bytes_max +16B\n/,
    );
  });
});

describe("a diff", () => {
  test("of equal builds says nothing and ends with 0", () => {
    assert.deepEqual({ ...hardwire("diff", old, old) }.stdout, "");
    assert.equal(hardwire("diff", old, old).status, 0);
    assert.equal(JSON.parse(hardwire("diff", old, old, "--json").stdout).equal, true);
  });

  test("of builds that differ in one timeout says just that and ends with 1", async () => {
    const timeouts = { connect: "300ms", response_header: "300ms", idle: "500ms" };
    const other = await pack(changed({ quick: { timeouts } }));
    const { status, stdout } = hardwire("diff", old, other);
    assert.equal(stdout, "~ routes.quick.timeouts.idle: 400ms → 500ms\n");
    assert.equal(status, 1);
    const data = JSON.parse(hardwire("diff", old, other, "--json").stdout);
    assert.deepEqual(data.changes, [{ path: ["routes", "quick", "timeouts", "idle_ms"], before: 400, after: 500 }]);
    assert.deepEqual([data.equal, data.hashes, data.unexplained], [false, ["routes", "program"], []]);
  });

  test("names what came, what went and what changed, also for another processor", async () => {
    const [, ...rest] = GATEWAY.routes;
    const ping = { name: "ping", match: { path_regex: "/p[io]ng" }, respond: { status: 200, body: "pong\n" } };
    const thing = { match: { path: "/things/{id}", methods: ["GET", "PATCH"] } };
    const routes = [ping, ...rest.map((route) => (route.name === "thing" ? { ...route, ...thing } : route))];
    const foreign = HOST_TARGET === "linux-x64" ? "linux-arm64" : "linux-x64";
    const other = await pack({ ...GATEWAY, routes }, hostTarget({ target: foreign }));
    const { status, stdout } = hardwire("diff", old, other);
    assert.equal(status, 1);
    const lines = stdout.split("\n");
    assert.deepEqual(
      lines.filter((line) => /^[~+-] (?!budget)\S/.test(line)),
      [
        `~ target: ${HOST_TARGET} → ${foreign}`,
        "~ features: +respond",
        "- routes.api",
        "~ routes.thing.methods: -DELETE +PATCH",
        "+ routes.ping",
      ],
    );
    assert.ok(lines.some((line) => /^~ budget\.memory_bytes\.total: [\d.]+ MiB → [\d.]+ MiB$/.test(line)));
    assert.match(stdout, /\n\+ {2}path_regex +\/p\[io\]ng\n/);
    assert.match(stdout, /\n\+ {2}respond +status 200, body "pong\\n"\n/);
  });

  test("names what observes, and the admin listener, as inspect does", async () => {
    const observed = await pack(OBSERVED, hostTarget({ listeners: OBSERVED_LISTENERS }));
    const { stdout } = hardwire("diff", old, observed);
    assert.match(stdout, /^~ features: .*\+health \+request-id \+trace$/m);
    const settings = [
      `\\+ admin_listeners\n\\+  ops +address 127\\.0\\.0\\.1:\\d+\n`,
      "\\+ observability\n\\+  health +listener ops\n\\+  request_id +trust lan\n\\+  trace +propagate w3c, trust lan\n",
    ];
    for (const lines of settings) assert.match(stdout, new RegExp(`^${lines}`, "m"));
    const inside = hardwire("inspect", observed).stdout;
    assert.match(inside, /^ {2}admin_listeners +ops \(address 127\.0\.0\.1:\d+\)$/m);
    assert.match(
      inside,
      /^ {2}observability +health \(listener ops\), request_id \(trust lan\), trace \(propagate w3c, trust lan\)$/m,
    );
  });

  test("names a file whose text alone differs, and one that was changed after its build", () => {
    const [routes, target] = ["routes.json", "target.json"].map((name) => join(old, "..", name));
    const blank = join(folder, "blank.json");
    writeFileSync(blank, `\n${readFileSync(routes!, "utf8")}`);
    const other = join(folder, "blank");
    assert.equal(hardwire("build", blank, "--target", target!, "--out", other).status, 0);
    const { stdout, status } = hardwire("diff", old, other);
    assert.equal(stdout, "~ routes file: another text (order, comments, layout) that says the same\n");
    assert.equal(status, 1);

    const data = readFileSync(old);
    data[4096] = data[4096]! ^ 1;
    const patched = join(folder, "patched");
    writeFileSync(patched, data);
    assert.equal(hardwire("diff", old, patched).status, 1);
    assert.match(hardwire("diff", old, patched).stdout, /^~ bytes outside of what the manifest tells: .*\n$/);
  });
});

describe("what is no executable of hardwire's", () => {
  const file = join(folder, "foreign");

  function refused(problem: RegExp): void {
    assert.throws(
      () => lookInside(file),
      (error: Error) => error instanceof ForeignFile && problem.test(error.message) && !error.message.includes("\n"),
    );
  }

  test("ends inspect with 65 or 66, and diff with 2", () => {
    writeFileSync(file, "x".repeat(100_000));
    for (const [name, code, problem] of [
      [file, 65, /^hardwire: .*foreign: not an ELF file; expected an executable built by hardwire\n$/],
      [`${file}-missing`, 66, /^hardwire: .*foreign-missing: cannot be read \(ENOENT\)\n$/],
    ] as const) {
      const inspected = hardwire("inspect", name);
      assert.match(inspected.stderr, problem);
      assert.equal(inspected.status, code);
      const { status, stdout, stderr } = hardwire("diff", old, name);
      assert.deepEqual([status, stdout, stderr], [2, "", inspected.stderr]);
    }
  });

  test("is refused: an empty file, a text, a folder, another program", () => {
    for (const text of ["", "#!/bin/sh\n", "x".repeat(100_000)]) {
      writeFileSync(file, text);
      refused(/foreign: not an ELF file; expected an executable built by hardwire$/);
    }
    writeFileSync(file, zstdCompressSync("x"));
    refused(/foreign: is compressed; decompress it first, with zstd -d$/);
    writeFileSync(file, readFileSync("/bin/true"));
    refused(/foreign: an executable without a payload; expected/);
    assert.throws(() => lookInside(folder), /cannot be read \(EISDIR\)/);
  });

  test("is refused: a truncated one", () => {
    const data = readFileSync(old);
    for (const share of [0.00001, 0.5, 0.99, 0.9999]) {
      writeFileSync(file, data);
      truncateSync(file, Math.floor(data.length * share));
      refused(/foreign: .*(truncated|damaged).*; expected an executable built by hardwire$/);
    }
  });

  test("is refused: another program in the same runtime, another manifest", () => {
    const swap = (from: string, to: string, problem: RegExp) => {
      const data = readFileSync(old);
      const at = data.lastIndexOf(from);
      assert.ok(at > 0 && from.length === to.length);
      data.write(to, at);
      writeFileSync(file, data);
      refused(problem);
    };
    swap("manifest.json", "manifesto.js_", /a Node\.js program of something else/);
    swap('"manifest":1', '"manifest":2', /its manifest has form 2, this hardwire reads 1; inspect it with/);
    swap('"target":"linux-', '"target":"linux_', /its manifest is not of hardwire's form \(target: /);
    swap('"name":"edge"', '"name":"ed\\ge', /its manifest is not JSON/);
    swap("function", "Function", /is not the one its manifest names/);
  });

  test("never surprises: whatever byte is changed, it is refused or reads as before", () => {
    const original = readFileSync(old);
    const { manifest } = readInside("original", original);
    const { segments } = readElf("original", original);
    const note = segments.find(({ type, fileBytes }) => type === 4 && fileBytes > 1e6)!;
    const tables = [
      [0, 64],
      [original.readUInt32LE(32), segments.length * 56],
      [note.offset, 128],
    ] as const;
    const manifestAt = original.lastIndexOf("manifest.json");
    const data = Buffer.from(original);
    let refusals = 0;
    for (const [start, length] of [...tables, [manifestAt - 8, 400] as const]) {
      for (let i = 0; i < 60; i++) {
        const at = start + Math.floor((i / 60) * length);
        data[at] = data[at]! ^ (1 << (i % 8));
        try {
          const read = readInside("mutant", data);
          if (at < manifestAt || at > manifestAt + 400) assert.deepEqual(read.manifest, manifest);
        } catch (error) {
          assert.ok(error instanceof ForeignFile, `byte ${at}: ${(error as Error).stack}`);
          refusals++;
        }
        data[at] = original[at]!;
      }
    }
    assert.ok(refusals > 30, `${refusals} refused`);
  });
});
