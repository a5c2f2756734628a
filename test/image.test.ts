/**
 * What `hardwire build --oci` writes: skopeo and umoci take it for an image, it runs when it is unpacked, a second build
 * gives the same digest; and a base that it could not run upon is refused.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { before, describe, test } from "node:test";
import {
  foreignLibraries,
  hasForeignLibraries,
  makeImageBase,
  ownLibraries,
  skipWithoutImageTools,
} from "./harness/image-base.ts";
import { ask, Device, get, hostTarget, ports, runFolder } from "./harness.ts";

const HARDWIRE = join(resolve(import.meta.dirname, ".."), "build/launch.mjs");
const OWN = process.arch === "x64" ? "amd64" : "arm64";
const PING = { name: "ping", match: { path: "/ping" }, hosts: ["localhost"], respond: { status: 200, body: "pong" } };
const ROUTES = { version: 1, name: "gw", routes: [PING] };
const folder = join(runFolder(), "image");
const base = join(folder, "base");

/** Builds in a folder of its own. */
function build(name: string, target: object, upon = base) {
  const own = join(folder, name);
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, "routes.json"), JSON.stringify(ROUTES));
  writeFileSync(join(own, "target.json"), JSON.stringify(target));
  const files = ["routes.json", "--target", "target.json", "--out", "gw"];
  const args = [HARDWIRE, "build", ...files, "--oci", "gw.oci", "--base", upon, "--release", "1.4.2", "--json"];
  const env = { ...process.env, SOURCE_DATE_EPOCH: "1767225600" };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: own, encoding: "utf8", env });
  return { status, stdout, stderr, layout: join(own, "gw.oci") };
}

function inspect(layout: string, ...options: string[]) {
  return JSON.parse(execFileSync("skopeo", ["inspect", ...options, `oci:${layout}`], { encoding: "utf8" }));
}

describe("an image", { skip: skipWithoutImageTools }, () => {
  let made: ReturnType<typeof build>;
  let rootfs: string;
  before(() => {
    mkdirSync(folder, { recursive: true });
    makeImageBase(base, OWN, ownLibraries());
    made = build("one", hostTarget());
    assert.equal(made.status, 0, made.stderr);
    const bundle = join(folder, "bundle");
    execFileSync("umoci", ["unpack", "--rootless", "--image", `${made.layout}:1.4.2`, bundle]);
    rootfs = join(bundle, "rootfs");
  });

  test("is the base and one layer, and says how it is run", () => {
    const { Digest, Layers } = inspect(made.layout);
    assert.equal(JSON.parse(made.stdout).image.digest, Digest);
    assert.deepEqual(Layers.slice(0, -1), inspect(base).Layers);
    const { created, architecture, os, config, rootfs: layers, history } = inspect(made.layout, "--config");
    assert.deepEqual([created, architecture, os], ["2026-01-01T00:00:00Z", OWN, "linux"]);
    assert.equal(layers.diff_ids.length, Layers.length);
    assert.match(history.at(-1).created_by, /^hardwire /);
    assert.deepEqual(config, {
      User: "65532:65532",
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      Entrypoint: ["/usr/bin/gw"],
      WorkingDir: "/",
      StopSignal: "SIGTERM",
    });
    const raw = inspect(made.layout, "--raw");
    assert.equal(raw.annotations["org.opencontainers.image.version"], "1.4.2");
    assert.equal(raw.annotations["org.opencontainers.image.base.digest"], inspect(base).Digest);
  });

  test("runs", { skip: process.getuid!() !== 0 && "chroot is root's" }, async () => {
    const gateway = new Device("/usr/sbin/chroot", { args: ["--userspec=65532:65532", rootfs, "/usr/bin/gw"] });
    await gateway.says(/: listening on /);
    const { status, body } = await ask(ports.device, get("/ping"));
    assert.deepEqual([status, body.toString()], [200, "pong"]);
    await gateway.stop();
  });

  test("has the executable that was built, and a place to load its library from", () => {
    assert.ok(readFileSync(join(rootfs, "usr/bin/gw")).equals(readFileSync(join(folder, "one/gw"))));
    assert.equal(execFileSync("stat", ["-c", "%A", join(rootfs, "tmp")], { encoding: "utf8" }), "drwxrwxrwt\n");
  });

  test("is the same in another folder, upon the same base by its digest", () => {
    const again = build("two", hostTarget(), `${base}@${inspect(base).Digest}`);
    assert.equal(again.status, 0, again.stderr);
    for (const file of ["index.json", "oci-layout"]) {
      assert.ok(readFileSync(join(again.layout, file)).equals(readFileSync(join(made.layout, file))), file);
    }
  });

  test("for another machine exposes the ports that others reach", {
    skip: !hasForeignLibraries && "libstdc++6-arm64-cross is not installed",
  }, () => {
    const foreign = join(folder, "foreign");
    makeImageBase(foreign, "arm64", foreignLibraries());
    const listeners = { public: { address: "0.0.0.0:8080" }, local: { address: "127.0.0.1:8081" } };
    const { status, stderr, layout } = build("arm64", { target: "linux-arm64", listeners }, foreign);
    assert.equal(status, 0, stderr);
    const { architecture, config } = inspect(layout, "--override-arch", "arm64", "--config");
    assert.deepEqual([architecture, config.ExposedPorts], ["arm64", { "8080/tcp": {} }]);
  });

  test("is refused upon a base without the libraries it needs", () => {
    const small = join(folder, "small");
    const libraries = ownLibraries();
    for (const path of libraries.keys()) if (path.includes("libstdc++")) libraries.delete(path);
    makeImageBase(small, OWN, libraries);
    const { status, stderr } = build("small", hostTarget(), small);
    assert.equal(status, 65);
    assert.match(stderr, /would not start, since it has no libstdc\+\+\.so\.6; take a base with glibc and libstdc\+\+/);
  });

  test("is refused before anything is built upon what is no base for it", () => {
    const { target: _, ...rest } = hostTarget() as { target: string };
    const foreign = { ...rest, target: process.arch === "x64" ? "linux-arm64" : "linux-x64" };
    assert.match(build("wrong", foreign).stderr, /base has no images for linux\/\w+; copy one that has it/);
    assert.equal(build("nothing", hostTarget(), join(folder, "nothing")).status, 66);
    const damaged = join(folder, "damaged");
    execFileSync("cp", ["-r", base, damaged]);
    const [layer] = inspect(base).Layers;
    rmSync(join(damaged, "blobs", ...layer.split(":")));
    writeFileSync(join(damaged, "blobs", ...layer.split(":")), "other bytes");
    const { status, stderr } = build("damaged-base", hostTarget(), damaged);
    assert.equal(status, 65);
    assert.match(stderr, /blobs\/sha256\/[0-9a-f]{64} is damaged/);
  });
});
