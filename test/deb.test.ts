/**
 * What `hardwire build --deb` writes, looked at with Debian's own tools: fields, files, scripts; lintian has nothing to
 * say; a second build gives the same bytes. How it behaves once installed is the device lab's (test/lab).
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { before, describe, test } from "node:test";
import { checkRelease } from "../build/package/debian.ts";
import { runFolder } from "./harness.ts";

const HARDWIRE = join(resolve(import.meta.dirname, ".."), "build/launch.mjs");
const skipWithoutLintian = !existsSync("/usr/bin/lintian") && "lintian is not installed";
const skipWithoutDpkg = !existsSync("/usr/bin/dpkg-deb") && "dpkg is not installed";
const ROUTES = {
  version: 1,
  name: "pump-gw",
  upstreams: { plc: { endpoints: [{ url: "http://127.0.0.1:3000" }] } },
  routes: [{ name: "all", match: { path: "/*" }, hosts: ["gw.local"], upstream: "plc" }],
};
const TARGET = {
  target: "linux-x64",
  listeners: { public: { address: "0.0.0.0:8080" } },
  service: { manager: "systemd" },
  package: { maintainer: "Plant Operations <operations@example.net>" },
};

/** Builds in a folder of its own. */
function build(name: string, target: object, release = "1.4.2") {
  const folder = join(runFolder(), "deb", name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "routes.json"), JSON.stringify(ROUTES));
  writeFileSync(join(folder, "target.json"), JSON.stringify(target));
  const files = ["routes.json", "--target", "target.json", "--out", "gw"];
  const args = [HARDWIRE, "build", ...files, "--deb", "dist", "--release", release, "--json"];
  const env = { ...process.env, SOURCE_DATE_EPOCH: "1767225600" };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", env });
  return { folder, status, stdout, stderr };
}

const makes: [architecture: string, target: object, file: string][] = [
  ["amd64", { ...TARGET, update: {} }, "pump-gw_1.4.2_amd64.deb"],
  ["arm64", { ...TARGET, target: "linux-arm64" }, "pump-gw_1.4.2_arm64.deb"],
];

for (const [architecture, target, name] of makes) {
  describe(`a .deb for ${architecture}`, () => {
    let deb: string;
    before(() => {
      const { status, stderr, stdout, folder } = build(architecture, target);
      assert.equal(status, 0, stderr);
      assert.equal(JSON.parse(stdout).deb.outFile, join("dist", name));
      deb = join(folder, "dist", name);
    });

    test("says what it is and what it needs", { skip: skipWithoutDpkg }, () => {
      const fields = execFileSync("dpkg-deb", ["--field", deb], { encoding: "utf8" });
      assert.equal(
        fields.replace(/^Installed-Size: \d+$/m, "Installed-Size: N").replace(/hardwire \d+\.\d+\.\d+/, "hardwire V"),
        `Package: pump-gw
Version: 1.4.2
Architecture: ${architecture}
Maintainer: Plant Operations <operations@example.net>
Installed-Size: N
Depends: libc6 (>= 2.36), libgcc-s1 (>= ${architecture === "amd64" ? "3.4" : "3.0"}), libstdc++6 (>= 5.1), systemd
Section: net
Priority: optional
Description: API gateway "pump-gw", its configuration compiled in
 A service with 1 route to 1 upstream, listening on
 0.0.0.0:8080.
 .
 There is nothing to configure: another configuration is another package.
 "/usr/lib/pump-gw/pump-gw --manifest" says what is in this one.
 It was built by hardwire V.
`,
      );
    });

    test("has these files, root's, with the time that was given", { skip: skipWithoutDpkg }, () => {
      const listing = execFileSync("dpkg-deb", ["--contents", deb], { encoding: "utf8", env: { TZ: "UTC" } });
      const entries = listing
        .trimEnd()
        .split("\n")
        .map((line) => line.split(/\s+/));
      for (const [, owner, , ...time] of entries) {
        assert.deepEqual([owner, ...time.slice(0, 2)], ["root/root", "2026-01-01", "00:00"]);
      }
      assert.deepEqual(
        entries.filter(([mode]) => !mode!.startsWith("d")).map(([mode, , , , , path]) => `${mode} ${path}`),
        [
          "-rw-r--r-- ./lib/systemd/system/pump-gw.service",
          "-rwxr-xr-x ./usr/lib/pump-gw/pump-gw",
          "-rw-r--r-- ./usr/lib/sysctl.d/60-pump-gw.conf",
          "-rw-r--r-- ./usr/share/doc/pump-gw/changelog.gz",
          "-rw-r--r-- ./usr/share/doc/pump-gw/copyright",
          "-rw-r--r-- ./usr/share/doc/pump-gw/nodejs-notices.gz",
          "-rw-r--r-- ./usr/share/doc/pump-gw/pump-gw.cdx.json",
          "-rw-r--r-- ./usr/share/lintian/overrides/pump-gw",
        ],
      );
      for (const [mode, , , , , path] of entries) if (mode!.startsWith("d")) assert.equal(mode, "drwxr-xr-x", path);
    });

    test("unpacks to the executable that was built", { skip: skipWithoutDpkg }, () => {
      const folder = join(runFolder(), "deb", `unpacked-${architecture}`);
      execFileSync("dpkg-deb", ["--raw-extract", deb, folder]);
      const built = readFileSync(join(runFolder(), "deb", architecture, "gw"));
      assert.ok(built.equals(readFileSync(join(folder, "usr/lib/pump-gw/pump-gw"))));
      execFileSync("md5sum", ["--check", "--quiet", "DEBIAN/md5sums"], { cwd: folder });
      for (const script of ["postinst", "prerm", "postrm"]) execFileSync("sh", ["-n", join(folder, "DEBIAN", script)]);
      const takesOver = readFileSync(join(folder, "DEBIAN/postinst"), "utf8").includes('/pump-gw" activate');
      assert.equal(takesOver, "update" in target);
    });
  });
}

// Of one: it reads every text in the executable, which takes it 15 s.
test("lintian has nothing to complain of", { skip: skipWithoutLintian }, () => {
  const [[architecture, , name]] = makes as [(typeof makes)[0]];
  const deb = join(runFolder(), "deb", architecture, "dist", name);
  const args = ["--profile", "debian", "--allow-root", "--fail-on", "error,warning", deb];
  const { status, stdout, stderr } = spawnSync("lintian", args, { encoding: "utf8" });
  assert.deepEqual([status, stdout], [0, ""], stderr);
});

test("a second build gives the same .deb", () => {
  const [architecture, target, name] = makes[0]!;
  const { folder } = build("again", target);
  const first = readFileSync(join(runFolder(), "deb", architecture, "dist", name));
  assert.ok(first.equals(readFileSync(join(folder, "dist", name))));
});

test("a target without service and maintainer is refused before anything is built", () => {
  const { service: _service, package: _package, ...plain } = TARGET;
  const { status, stdout, folder } = build("refused", plain);
  assert.equal(status, 65);
  const messages = JSON.parse(stdout).errors.map(({ message }: { message: string }) => message);
  assert.deepEqual(messages, [
    "a .deb installs a service, and this target has none; add service: { manager: systemd }, or leave --deb out",
    'a .deb must say who answers for it; add package: { maintainer: "Plant Operations <operations@example.net>" }',
  ]);
  assert.deepEqual(readdirSync(folder).sort(), ["routes.json", "target.json"]);
});

test("a release that Debian would sort wrongly is refused, with the one that is meant", () => {
  const suggestions = { "v1.4.2": "1.4.2", "1.5.0-rc.1": "1.5.0~rc.1", "v1.4.2-3-g0a1b2c3": "1.4.2+3.g0a1b2c3" };
  for (const [text, meant] of Object.entries(suggestions)) {
    assert.throws(
      () => checkRelease(text),
      (error: Error & { exitCode: number }) =>
        error.exitCode === 64 && error.message.endsWith(`did you mean ${meant}?`),
    );
    assert.equal(checkRelease(meant), meant);
  }
  assert.throws(
    () => checkRelease("next"),
    /--release is "next"; expected a version such as 1\.4\.2: .*older than 1\.5\.0\)$/,
  );
  assert.equal(build("unreleased", TARGET, "v1").status, 64);
});

test("options that are nothing without others are refused without them", () => {
  const lacks: [options: string[], missing: RegExp][] = [
    [["--deb", "dist"], /the option --release <version> is missing/],
    [["--oci", "gw.oci"], /the option --base <layout> is missing/],
    [["--base", "cc"], /--oci <dir> is missing/],
    [["--release", "1.4.2"], /--deb <dir> or --oci <dir> is missing/],
  ];
  for (const [options, missing] of lacks) {
    const args = [HARDWIRE, "build", "routes.json", "--target", "target.json", "--out", "gw", ...options];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    assert.equal(status, 64);
    assert.match(stderr, missing);
  }
});
