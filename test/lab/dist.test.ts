/**
 * `make dist`, whole: the same bytes from two clones in other places, with another umask, locale and time zone; what it
 * makes agrees with its own sums and is taken by Debian's tools, by those of images, and by a device. Long form only.
 */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { before, describe, test } from "node:test";
import { promisify } from "node:util";
import { inNetwork, startOrigin } from "../harness/network/start.ts";
import { runFolder } from "../harness/run-folder.ts";
import { Machine } from "./machine.ts";
import { inFullForm, labMissing } from "./needs.ts";

import { Unit } from "./unit.ts";

const REPOSITORY = resolve(import.meta.dirname, "../..");
/** What `make dist` takes if it is not told otherwise: routes/quickstart.yaml, which asks an origin on this port. */
const NAME = "quickstart";
const ORIGIN_PORT = 3000;
const ARCHITECTURES = ["amd64", "arm64"];

/** A clone with the files as they are here, which may be later than the last commit. */
function clone(folder: string): string {
  execFileSync("git", ["clone", "--quiet", REPOSITORY, folder]);
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const files = execFileSync("git", list, { cwd: REPOSITORY, encoding: "utf8" }).split("\0").filter(Boolean);
  for (const path of files) cpSync(join(REPOSITORY, path), join(folder, path));
  cpSync(join(REPOSITORY, "node_modules"), join(folder, "node_modules"), { recursive: true, verbatimSymlinks: true });
  return folder;
}

/** Returns the folder of what it made. */
async function makeDist(repository: string, umask: string, variables: NodeJS.ProcessEnv): Promise<string> {
  const env = { ...process.env, ...variables };
  await promisify(execFile)("sh", ["-c", `umask ${umask}; make dist`], { cwd: repository, env });
  return join(repository, "out/dist");
}

describe("make dist", { skip: labMissing || inFullForm }, () => {
  let dist: string;
  let other: string;
  before(async () => {
    const folder = mkdtempSync(join(runFolder(), "dist-"));
    dist = await makeDist(clone(join(folder, "one")), "022", { TZ: "UTC" });
    mkdirSync(join(folder, "some where/else"), { recursive: true });
    const there = { TZ: "Pacific/Kiritimati", LC_ALL: "tr_TR.UTF-8" };
    other = await makeDist(clone(join(folder, "some where/else/gateway")), "077", there);
  });

  const debs = () => readdirSync(dist).filter((name) => name.endsWith(".deb"));

  test("makes the same of the same commit", () => {
    assert.equal(debs().length, ARCHITECTURES.length);
    execFileSync("diff", ["--recursive", "--brief", dist, other], { encoding: "utf8" });
  });

  test("has a sum of every file, and sha256sum accepts them", () => {
    for (const sums of readdirSync(dist).filter((name) => name.endsWith("SHA256SUMS"))) {
      execFileSync("sha256sum", ["--check", "--strict", "--quiet", sums], { cwd: dist });
    }
    const listed = readFileSync(join(dist, "SHA256SUMS"), "utf8").matchAll(/^[0-9a-f]{64} {2}(.+)$/gm);
    const expected = readdirSync(dist, { withFileTypes: true }).flatMap((entry) => {
      if (entry.isDirectory()) return entry.name.endsWith(".oci") ? [`${entry.name}/index.json`] : [];
      return entry.name.endsWith("SHA256SUMS") ? [] : [entry.name];
    });
    assert.deepEqual([...listed].map(([, name]) => name!).sort(), expected.sort());
  });

  for (const architecture of ARCHITECTURES) {
    test(`lintian has nothing to complain of in the .deb for ${architecture}`, () => {
      const deb = join(dist, debs().find((name) => name.endsWith(`_${architecture}.deb`))!);
      const options = ["--profile", "debian", "--allow-root", "--fail-on", "error,warning"];
      assert.equal(execFileSync("lintian", [...options, deb], { encoding: "utf8" }), "");
    });

    test(`skopeo reads the image for ${architecture}`, () => {
      const [layout] = readdirSync(dist).filter((name) => name.endsWith(`${architecture.replace("amd", "x")}.oci`));
      const command = ["inspect", "--override-arch", architecture, `oci:${join(dist, layout!)}`];
      const { Architecture, Layers } = JSON.parse(execFileSync("skopeo", command, { encoding: "utf8" }));
      assert.deepEqual([Architecture, Layers.length], [architecture, 2], "the base and one layer");
    });
  }

  test("makes a .deb that a device installs and serves with", async () => {
    const machine = await Machine.boot();
    const own = process.arch === "x64" ? "amd64" : "arm64";
    const deb = debs().find((name) => name.endsWith(`_${own}.deb`))!;
    await machine.copyIn(join(dist, deb), `/root/${basename(deb)}`);
    await machine.must("apt-get", "install", "--yes", `/root/${basename(deb)}`);
    await startOrigin(machine, ORIGIN_PORT);
    assert.equal((await new Unit(machine, `${NAME}.service`).state()).ActiveState, "active");
    assert.equal(await inNetwork(machine, "curl", "--silent", "http://127.0.0.1:8080/x"), "ok");
    const version = await machine.must("dpkg-query", "--show", `--showformat=\${Version}`, NAME);
    assert.equal(version, /_([^_]+)_/.exec(deb)![1]);
  });
});
