/** The finished file is searched for what must not leave the build machine, and a find ends the build. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { findLeaks } from "../build/leaks.ts";
import { assertQuick } from "./harness/quick.ts";
import { hostTarget, runFolder } from "./harness.ts";

const REPOSITORY = resolve(import.meta.dirname, "..");
const HARDWIRE = join(REPOSITORY, "build/launch.mjs");
const PROGRAM = `"use strict";const place=["/tmp","/var/tmp"],at="http://127.0.0.1:8080/";function f(a){return a.b?"x":'y'}`;

function leaks(added: string, environment = {}, text = ""): string[] {
  const machine = { folders: ["/home/ann/gateway", "/tmp", "/", "/var"], environment };
  return findLeaks(PROGRAM + added + PROGRAM, [{ file: "routes.yaml", text }], machine);
}

describe("a leak", () => {
  test("is nothing that a program has anyway", () => {
    assert.deepEqual(leaks(""), []);
  });

  test("is a credential, named with its place and never shown", () => {
    const key = `-----BEGIN EC ${"PRIVATE"} KEY-----\\nMHcCAQEEI`;
    const token = `ghp_${"a1".repeat(18)}`;
    for (const [secret, what] of [
      [key, "a private key"],
      [token, "a GitHub token"],
      [`npm_${"Z9".repeat(18)}`, "an npm token"],
      ["https://deploy:hunter2@git.example.net/", "a password in a URL"],
      [`AKIA${"Q7".repeat(8)}`, "an AWS access key"],
      [`glpat-${"b2".repeat(10)}`, "a GitLab token"],
    ] as const) {
      assert.deepEqual(leaks(`"${secret}"`), [what]);
    }
    assert.deepEqual(leaks(`"${token}"`, {}, `version: 1\nname: ${token}\n`), ["a GitHub token (routes.yaml:2:7)"]);
  });

  test("is the value of a secret variable, also as it stands in a literal", () => {
    const of = (name: string, value: string, added = value) => leaks(added, { [name]: value });
    assert.deepEqual(of("NPM_TOKEN", "s3cret-value"), ["the value of the environment variable NPM_TOKEN"]);
    assert.deepEqual(of("DB_PASSWORD", 'p"1\\word', '"p\\"1\\\\word"'), [
      "the value of the environment variable DB_PASSWORD",
    ]);
    assert.deepEqual(of("CI_PASSWORD", "grün-grün-1", Buffer.from("grün-grün-1").toString("latin1")).length, 1);
    assert.deepEqual(of("EDITOR", "s3cret-value"), [], "a variable that is no secret");
    assert.deepEqual(of("API_TOKEN", "function"), [], "a word");
  });

  test("is a path of the build machine, unless somebody wrote it into a file", () => {
    assert.deepEqual(leaks("//# /home/ann/gateway/src/x.ts"), ["a path of this machine, /home/ann/gateway/"]);
    assert.deepEqual(leaks("at /tmp/hardwire-pack-1/x"), ["a path of this machine, /tmp/"]);
    assert.deepEqual(leaks("/tmp/app.sock", {}, "url: unix:/tmp/app.sock"), []);
  });

  test("is found in well under 200 ms", async () => {
    const added = `${"a.b+c/".repeat(80_000)}${"eyJhbGciOi-".repeat(2000)}`;
    await assertQuick(200, async () => {
      const start = performance.now();
      assert.deepEqual(leaks(added, process.env), []);
      return performance.now() - start;
    });
  });
});

test("a build that would leak writes nothing and ends with 65", () => {
  const folder = join(runFolder(), "leaks");
  mkdirSync(folder, { recursive: true });
  const answer = {
    name: "all",
    match: { path: "/*" },
    hosts: ["h"],
    respond: { status: 200, body: "hunter2-hunter2" },
  };
  writeFileSync(join(folder, "routes.json"), JSON.stringify({ version: 1, name: "t", routes: [answer] }));
  writeFileSync(join(folder, "target.json"), JSON.stringify(hostTarget()));
  const args = [HARDWIRE, "build", "routes.json", "--target", "target.json", "--out", "gw"];
  const env = { ...process.env, DEPLOY_TOKEN: "hunter2-hunter2" };
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", env });
  assert.equal(status, 65, stderr);
  assert.match(
    stderr,
    /^hardwire: gw was not written, .*\n {2}the value of the environment variable DEPLOY_TOKEN \(routes\.json:1:\d+\)\n$/,
  );
  assert.ok(!stderr.includes("hunter2"), stderr);
  assert.ok(!existsSync(join(folder, "gw")) && !existsSync(join(folder, "gw.generated")));
});
