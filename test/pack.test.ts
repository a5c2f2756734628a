/**
 * A tiny program packed into an executable and run with an empty environment: what build/pack.ts promises about the
 * file, and what src/core/addon.ts does on a device, for this machine and for arm64 under emulation where that is there.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type PackOptions, type PackReport, pack } from "../build/pack.ts";
import type { Target } from "../build/pins.ts";

const PROGRAM = `
  import { getAsset } from "node:sea";
  import { loadAddon } from ${JSON.stringify(fileURLToPath(new URL("../src/core/addon.ts", import.meta.url)))};
  try {
    if (process.argv[2] === "stack") throw new Error("for its stack");
    const uws = loadAddon(1000);
    uws.App()
      .any("/*", (res, req) => void res.end(getAsset("manifest.json", "utf8") + process.execArgv + req.getUrl()))
      .listen("127.0.0.1", 0, (socket) => console.log(uws.us_socket_local_port(socket)));
  } catch (error) {
    console.error(error.exitCode === undefined ? error.stack : error.message);
    process.exit(error.exitCode ?? 1);
  }
`;
const host = `linux-${process.arch}` as Target;
const folder = mkdtempSync(join(tmpdir(), "hardwire-test-"));
const started: ChildProcess[] = [];
let options: PackOptions;
let report: PackReport;

before(async () => {
  const bundlePath = join(folder, "bundle.cjs");
  await build({
    stdin: { contents: PROGRAM, resolveDir: folder },
    bundle: true,
    platform: "node",
    format: "cjs",
    outfile: bundlePath,
  });
  const manifest = { name: "tiny" };
  options = { bundlePath, manifest, target: host, floor: "2.36", outFile: join(folder, "gateway"), onProgress() {} };
  report = await pack(options);
});
after(() => {
  for (const child of started) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly port: number;
  readonly code: number | null;
  readonly said: string;
}

/** Resolves when the program has printed its port, or has ended without. */
function start(command: string, args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  started.push(child);
  return new Promise((resolve, reject) => {
    let said = "";
    child.stderr.on("data", (chunk) => {
      said += chunk;
    });
    child.stdout.once("data", (chunk) => resolve({ port: Number(chunk), code: null, said }));
    child.on("close", (code) => resolve({ port: 0, code, said }));
    child.on("error", reject);
  });
}

async function answer({ port, said }: Ended): Promise<{ text: string; headers: Headers }> {
  assert.ok(port > 0, `did not start: ${said}`);
  const response = await fetch(`http://127.0.0.1:${port}/path`);
  return { text: await response.text(), headers: response.headers };
}

const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");

describe("the executable", () => {
  test("serves with an empty environment, addon and assets inside", async () => {
    const { text, headers } = await answer(await start(report.outFile));
    assert.match(text, /^\{"name":"tiny"\}\n.*--inspect-port=(no-debugger\.)+:9229\/path$/);
    assert.equal(headers.get("uWebSockets"), null);
  });

  test("takes no orders from NODE_OPTIONS or --inspect, and UWS_HTTP_MAX_HEADERS_SIZE is the program's", async () => {
    const env = { NODE_OPTIONS: "--inspect=127.0.0.1:0 --require /nowhere", UWS_HTTP_MAX_HEADERS_SIZE: "100000" };
    const running = await start(report.outFile, ["--inspect=127.0.0.1:0"], env);
    await answer(running);
    assert.equal(running.said, "");
    const long = await fetch(`http://127.0.0.1:${running.port}/`, { headers: { long: "x".repeat(2000) } });
    assert.equal(long.status, 431);
  });

  test("names no path of the build machine in a stack trace", async () => {
    const { said } = await start(report.outFile, ["stack"]);
    assert.match(said, /\.\.\/gateway\.cjs:\d+/);
    assert.ok(!readFileSync(report.outFile).includes(folder), "the folder of the bundle is in the executable");
  });

  test("is executable, small enough, and reported as it is", () => {
    const data = readFileSync(report.outFile);
    assert.equal(statSync(report.outFile).mode & 0o777, 0o755);
    assert.equal(report.bytes.artefact, data.length);
    assert.equal(report.sha256.artefact, sha256(data));
    assert.equal(report.glibc, "2.36");
    assert.ok(data.length < 90e6, `${data.length} bytes`);
    const listing = `${sha256(readFileSync(options.bundlePath))}  gateway.cjs\n${sha256('{"name":"tiny"}\n')}  manifest.json\n`;
    assert.equal(report.sha256.payload, sha256(listing));
  });

  test("has the same bytes when packed again in another folder", async () => {
    const other = join(folder, "elsewhere", "deeper");
    mkdirSync(other, { recursive: true });
    cpSync(options.bundlePath, join(other, "other-name.cjs"));
    const again = await pack({
      ...options,
      bundlePath: join(other, "other-name.cjs"),
      outFile: join(other, "gateway"),
    });
    assert.deepEqual(again.sha256, report.sha256);
    assert.deepEqual(readdirSync(other).sort(), ["gateway", "other-name.cjs"]);
  });
});

test("an executable that an image build strips still serves", async (t) => {
  const stripped = join(folder, "stripped");
  cpSync(report.outFile, stripped);
  if (spawnSync("strip", [stripped]).status !== 0) return t.skip("no strip here");
  assert.notEqual(sha256(readFileSync(stripped)), report.sha256.artefact);
  assert.match((await answer(await start(stripped))).text, /tiny/);
});

describe("a build that fails", () => {
  test("leaves the old file as it was, and nothing beside it", async () => {
    const own = join(folder, "failing");
    mkdirSync(own);
    const outFile = join(own, "gateway");
    writeFileSync(outFile, "old");
    await assert.rejects(pack({ ...options, outFile, floor: "2.27" }), {
      name: "ElfError",
      message: /needs glibc 2\.28 \(for fcntl64.*\), but the target has 2\.27/,
    });
    await assert.rejects(pack({ ...options, outFile, assets: { missing: "/nowhere" } }), /nowhere/);
    assert.equal(readFileSync(outFile, "utf8"), "old");
    assert.deepEqual(readdirSync(own), ["gateway"]);
  });

  test("says which file cannot be written", async () => {
    await assert.rejects(pack({ ...options, outFile: join(folder, "no", "such", "file") }), {
      exitCode: 73,
      message: /no\/such\/file/,
    });
    await assert.rejects(pack({ ...options, outFile: folder }), { exitCode: 73, message: /is a directory/ });
  });
});

/** A shell line run in a mount namespace of its own, where it may mount. */
function inNamespace(line: string): [command: string, args: string[]] {
  return ["/usr/bin/unshare", ["--map-root-user", "--mount", "/bin/sh", "-ec", line]];
}
const canMount = spawnSync(...inNamespace("mount -t tmpfs none /mnt")).status === 0;
const needsMount = { skip: canMount ? false : "needs a mount namespace (root, or unprivileged user namespaces)" };

describe("the addon on the device", () => {
  let place: string;
  before(() => {
    place = join(folder, "run");
    mkdirSync(place);
  });
  const maps = (): string => readFileSync(`/proc/${started.at(-1)!.pid}/maps`, "utf8");

  test("is loaded from a file without a name, in the first runtime directory", async () => {
    await answer(await start(report.outFile, [], { RUNTIME_DIRECTORY: `${place}:/other` }));
    assert.deepEqual(readdirSync(place), []);
    assert.ok(maps().includes(`${place}/#`), maps());
  });

  test("is loaded from a named file, removed at once, where there is no /proc", needsMount, async () => {
    const line = `mount -t tmpfs none /proc; RUNTIME_DIRECTORY=${place} exec ${report.outFile}`;
    await answer(await start(...inNamespace(line)));
    assert.deepEqual(readdirSync(place), []);
    assert.match(maps(), /run\/hardwire-\w+\/uws\.node \(deleted\)/);
  });

  test("goes on to the next place where one is missing or mounted noexec", needsMount, async () => {
    const line = `mount -t tmpfs -o noexec none ${place}; RUNTIME_DIRECTORY=${place} TMPDIR=/nowhere exec ${report.outFile}`;
    await answer(await start(...inNamespace(line)));
    const left = maps()
      .split("\n")
      .filter((line) => line.includes(`${place}/`));
    assert.ok(left.length > 0 && left.every((line) => !/ r.xp /.test(line)), "loaded from a noexec place");
    for (const line of left) {
      const { size } = statSync(`/proc/${started.at(-1)!.pid}/map_files/${line.split(" ")[0]}`);
      assert.equal(size, 0, "a failed attempt still holds its memory");
    }
  });

  test("names every place and its problem where none will do, and leaves nothing there", needsMount, async () => {
    const mounts = ["/tmp", "/dev/shm", "/var/tmp"].map((path) => `mount -t tmpfs -o noexec none ${path}`).join("; ");
    const copy = `cp ${report.outFile} /mnt/gateway; ${mounts}`;
    const line = `mount -t tmpfs none /mnt; ${copy}; TMPDIR=/nowhere /mnt/gateway || code=$?; ls /tmp /dev/shm >&2; exit $code`;
    const { code, said } = await start(...inNamespace(line));
    assert.equal(code, 73);
    const [message, ...rest] = said.trim().split("\n");
    assert.match(message!, /\/nowhere \(ENOENT.*\/tmp \(mounted noexec\), \/dev\/shm \(mounted noexec\), \/var\/tmp/);
    assert.deepEqual(rest, ["/dev/shm:", "", "/tmp:"]);
  });

  test("reports what the loader refuses, as an OS error", async () => {
    const data = readFileSync(report.outFile);
    const at = data.lastIndexOf("\0GLIBC_2.36\0");
    data.write("GLIBC_9.36", at + 1);
    const broken = join(folder, "broken");
    writeFileSync(broken, data, { mode: 0o755 });
    const { code, said } = await start(broken);
    assert.equal(code, 71);
    assert.match(said, /^the loader refuses the network library: .*GLIBC_9\.36' not found[^\n]*\n$/);
  });
});

test("for arm64: packed here, served under emulation", async (t) => {
  const emulator = ["/usr/bin/qemu-aarch64-static", "/usr/bin/qemu-aarch64"].find(existsSync);
  const libraries = "/usr/aarch64-linux-gnu";
  const outFile = join(folder, "gateway-arm64");
  const arm = await pack({ ...options, target: "linux-arm64", outFile });
  assert.equal(arm.glibc, "2.36");
  if (process.arch === "arm64") return t.skip("this machine is arm64 itself");
  if (emulator === undefined || !existsSync(libraries)) {
    return t.skip("not started: needs qemu-user-static, libc6-arm64-cross, libstdc++6-arm64-cross");
  }
  const { text } = await answer(await start(emulator, ["-L", libraries, outFile]));
  assert.match(text, /tiny/);
});
