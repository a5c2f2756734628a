/**
 * The same input gives the same bytes: a copy of this repository in another folder, as another user with another umask,
 * locale, time zone and clock reading, makes the very executables this one makes, for both architectures. And of the
 * bytes of an architecture's runtime none depends on the routes.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { findCacheFolder } from "../build/cache.mjs";
import { readElf } from "../build/elf/read.ts";
import { addonPins, runtimePins, type Target } from "../build/pins.ts";
import { prepareAddon, prepareRuntime } from "../build/runtime.ts";
import { hostTarget, pack } from "./harness.ts";

const REPOSITORY = resolve(import.meta.dirname, "..");
const TARGETS: readonly Target[] = ["linux-x64", "linux-arm64"];
const NOBODY = 65_534;

const folder = mkdtempSync(join(tmpdir(), "hardwire-test-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A repository, and how `hardwire build` is run in it. */
interface Place {
  readonly repository: string;
  readonly outFolder: string;
  readonly node: string;
  readonly options: { uid?: number; gid?: number; env: NodeJS.ProcessEnv };
  readonly umask: string;
}

function build({ repository, outFolder, node, options, umask }: Place, target: Target): Buffer {
  const out = join(outFolder, "gateway");
  const command = `umask ${umask}; exec "$@"`;
  const hardwire = ["build/launch.mjs", "build", "routes/quickstart.yaml", "--target", `targets/${target}.yaml`];
  const args = ["-c", command, "sh", node, ...hardwire, "--out", out];
  const { status, stderr } = spawnSync("/bin/sh", args, { cwd: repository, encoding: "utf8", ...options });
  assert.equal(status, 0, stderr);
  return readFileSync(out);
}

/** The copy and all it needs, of another user if this one may become one. */
function copyRepository(): Place {
  const other = join(folder, "some where", "else");
  const repository = join(other, "hardwire");
  mkdirSync(repository, { recursive: true });
  for (const part of ["build", "src", "routes", "targets", "package.json", "tsconfig.json"]) {
    cpSync(join(REPOSITORY, part), join(repository, part), { recursive: true });
  }
  symlinkSync(join(REPOSITORY, "node_modules"), join(repository, "node_modules"));
  utimesSync(join(repository, "routes/quickstart.yaml"), 1, 1);
  // The cache of a user who may not read this one's.
  const host = `linux-${process.arch}` as Target;
  const kept = TARGETS.flatMap((target) => [
    join("prepared", runtimePins[target].preparedSha256, "node"),
    join("prepared", addonPins[target].preparedSha256, "uws.node"),
  ]);
  const runtime = join("runtime", runtimePins[host].sha256, "node");
  for (const path of [runtime, ...kept]) {
    cpSync(join(findCacheFolder(), path), join(other, "cache", "hardwire", path));
  }
  const outFolder = join(other, "out");
  mkdirSync(outFolder);
  const env = {
    PATH: "/usr/bin:/bin",
    HOME: other,
    XDG_CACHE_HOME: join(other, "cache"),
    TZ: "Pacific/Kiritimati",
    LC_ALL: "tr_TR.UTF-8",
    SOURCE_DATE_EPOCH: "1",
  };
  const node = join(other, "cache", "hardwire", runtime);
  const place = { repository, outFolder, node, umask: "077" };
  const user = { uid: NOBODY, gid: NOBODY };
  const library = join(REPOSITORY, "node_modules/zod/package.json");
  const canBecome = process.getuid?.() === 0 && spawnSync("/usr/bin/test", ["-r", library], user).status === 0;
  if (!canBecome) return { ...place, options: { env } };
  for (const path of [folder, ...readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name)))]) {
    lchownSync(path, NOBODY, NOBODY);
  }
  return { ...place, options: { ...user, env } };
}

describe("another folder, user, umask, locale and time", () => {
  let here: Place;
  let there: Place;
  before(async () => {
    for (const target of TARGETS) {
      await prepareRuntime(target, () => {});
      await prepareAddon(target);
    }
    here = {
      repository: REPOSITORY,
      outFolder: folder,
      node: process.execPath,
      options: { env: process.env },
      umask: "022",
    };
    there = copyRepository();
  });

  for (const target of TARGETS) {
    test(`give the same bytes for ${target}`, () => {
      const [a, b] = [build(here, target), build(there, target)];
      assert.equal(Buffer.compare(a, b), 0, "cmp finds a difference");
    });
  }
});

test("the runtime has the same bytes for all routes, and the payload comes last, at a multiple of 4 KiB", async () => {
  for (const target of TARGETS) {
    const gateways = [];
    for (const count of [1, 300]) {
      const routes = Array.from({ length: count }, (_, i) => ({
        name: `r${i}`,
        match: { path: `/${i}` },
        respond: { status: 200, body: `${i}` },
      }));
      const file = await pack(
        { version: 1, name: `of-${count}`, defaults: { hosts: ["localhost"] }, routes },
        hostTarget({ target }),
      );
      gateways.push(readFileSync(file));
    }
    const [small, large] = gateways as [Buffer, Buffer];
    assert.notEqual(small.length, large.length);
    const payloadAt = readElf("small", small).bytes.u64(32);
    assert.equal(payloadAt % 4096, 0);
    assert.equal(Buffer.compare(small.subarray(0, payloadAt), large.subarray(0, payloadAt)), 0);
    const segments = readElf("large", large).segments.filter(({ offset }) => offset >= payloadAt);
    assert.equal(Math.max(...segments.map(({ offset, fileBytes }) => offset + fileBytes)), large.length);
  }
});
