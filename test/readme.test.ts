/**
 * The README tells the truth: every command in it runs, its example is accepted as written, and the mistake it shows
 * looks like that. `make run` has a test of its own (e2e/quickstart.test.ts), and `make test` is what runs this.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";

const REPOSITORY = resolve(import.meta.dirname, "..");
const README = readFileSync(join(REPOSITORY, "README.md"), "utf8");
const HARDWIRE = join(REPOSITORY, "build/launch.mjs");
const folder = mkdtempSync(join(tmpdir(), "hardwire-readme-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** The content of the code blocks with this info string. */
function blocks(info: string): string[] {
  return [...README.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].filter(([, is]) => is === info).map(([, , text]) => text!);
}

function check(
  routes: string,
  command = "check",
  target = blocks("yaml target")[0]!,
): { status: number | null; stdout: string; stderr: string } {
  writeFileSync(join(folder, "plant.yaml"), routes);
  writeFileSync(join(folder, "target.yaml"), target);
  return spawnSync(process.execPath, [HARDWIRE, command, "plant.yaml", "--target", "target.yaml"], {
    cwd: folder,
    encoding: "utf8",
  });
}

test("the README's example is accepted without a mistake or a warning", () => {
  const { status, stderr } = check(blocks("yaml routes")[0]!);
  assert.equal(stderr, "");
  assert.equal(status, 0);
});

test("the README's extending target is accepted", () => {
  check(blocks("yaml routes")[0]!);
  writeFileSync(join(folder, "extending.yaml"), blocks("yaml extending")[0]!);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [HARDWIRE, "check", "plant.yaml", "--target", "extending.yaml"],
    { cwd: folder, encoding: "utf8" },
  );
  assert.equal(stderr, "");
  assert.equal(status, 0);
  assert.match(stdout, /listeners +lan 192.168.7.1:8080, public 127.0.0.1:8080\n/);
});

test("the README's tests pass for its example, and one that fails is reported just like that", () => {
  const tested = blocks("yaml routes")[0]! + blocks("yaml tests")[0]!;
  const { status, stdout, stderr } = check(tested, "test");
  assert.deepEqual([status, stderr], [0, ""]);
  assert.equal(stdout, "plant for linux-x64: 3 tests pass, by the generated code\n");
  const mistaken = check(tested.replace("route: device, upstream", "route: upload, upstream"), "test");
  assert.deepEqual([mistaken.status, mistaken.stderr], [1, blocks("text failed test")[0]]);
});

test("the README's service is accepted for routes that read a credential", () => {
  const routes = blocks("yaml routes")[0]!.replace('"{request.id}"', '"{credential.token}"');
  const { status, stderr } = check(routes, "check", blocks("yaml target")[0]! + blocks("yaml service")[0]!);
  assert.equal(stderr, "");
  assert.equal(status, 0);
});

test("the README's update is accepted", () => {
  const { status, stderr } = check(
    blocks("yaml routes")[0]!,
    "check",
    blocks("yaml target")[0]! + blocks("yaml update")[0]!,
  );
  assert.equal(stderr, "");
  assert.equal(status, 0);
});

test("the README's upstream options are accepted", () => {
  const route = '{ name: all, match: { path: "/*" }, hosts: [h], upstream: app }';
  const { status, stderr } = check(`version: 1\nname: t\n${blocks("yaml")[0]}routes: [${route}]\n`);
  assert.equal(stderr, "");
  assert.equal(status, 0);
});

test("the README's example of matching is accepted, and left with one listener is not", () => {
  const routes = `version: 1\nname: t\nupstreams: { api: { endpoints: [{ url: "http://127.0.0.1:3001" }] } }\n${blocks("yaml matching")[0]}`;
  const lan = blocks("yaml target")[0]!.replace("listeners:\n", '$&  lan: { address: "127.0.0.1:8081" }\n');
  const { status, stderr } = check(routes, "check", lan);
  assert.equal(stderr, "");
  assert.equal(status, 0);
  assert.match(check(routes).stderr, /HW1206/);
});

test("the README's admin listener is accepted, for the metrics it is there for", () => {
  const routes = `${blocks("yaml routes")[0]}observability: { metrics: {} }\n`;
  const { status, stderr } = check(routes, "check", `target: linux-x64\n${blocks("yaml admin")[0]}`);
  assert.equal(stderr, "");
  assert.equal(status, 0);
});

test("the mistake in the README is reported just like that", () => {
  const routes = blocks("yaml routes")[0]!;
  const mistaken = routes.replace("    upstream: plc\n", "    upstream: plcs\n");
  assert.notEqual(mistaken, routes);
  const { status, stderr } = check(mistaken);
  assert.equal(stderr, blocks("text mistake")[0]);
  assert.equal(status, 65);
});

const commands = blocks("sh")
  .flatMap((block) => block.split("\n"))
  .map((line) => line.replace(/#.*/, "").trim())
  .filter((line) => line !== "");

test("the README shows commands", () => {
  assert.ok(commands.length >= 4, commands.join("\n"));
});

for (const command of commands.filter((line) => line.startsWith("npx "))) {
  test(`README: ${command}`, () => {
    const moved = command.replaceAll(/\bout\/([\w.-]+)/g, (_, name: string) => join(folder, name));
    // The README's next version is the same once more.
    if (command.includes("out/quickstart-next")) {
      copyFileSync(join(folder, "quickstart"), join(folder, "quickstart-next"));
    }
    const { status, stdout, stderr } = spawnSync("sh", ["-c", moved], { cwd: REPOSITORY, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.notEqual(stdout, "");
    const out = moved.match(/--out (\S+)/)?.[1];
    if (out !== undefined) assert.ok(existsSync(out));
  });
}

for (const command of commands.filter((line) => line.startsWith("make "))) {
  test(`README: make knows ${command}`, () => {
    const { status, stderr } = spawnSync("sh", ["-c", command.replace("make", "make -n")], {
      cwd: REPOSITORY,
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
  });
}
