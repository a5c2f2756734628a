/** What becomes of a target that extends others and overrides routes: the plan, as if one file said it all. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { check } from "../build/compile.ts";

const folder = mkdtempSync(join(tmpdir(), "hardwire-targets-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, content: object): string {
  const file = join(folder, name);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, JSON.stringify(content));
  return file;
}

async function planOf(routes: string, target: string) {
  const { design, diagnostics } = await check(routes, target);
  assert.ok(design, diagnostics.map(({ message }) => message).join("\n"));
  return design.plan;
}

const routes = write("routes.json", {
  version: 1,
  name: "t",
  defaults: { hosts: ["h"], timeouts: { connect: "1s" } },
  upstreams: { a: { endpoints: [{ url: "http://127.0.0.1:1" }, { url: "http://127.0.0.1:2" }] } },
  routes: [
    { name: "x", match: { path: "/x" }, upstream: "a", timeouts: { request: "70s" } },
    { name: "y", match: { path: "/y" }, upstream: "a" },
  ],
});
const listeners = { public: { address: "127.0.0.1:8080" } };
const plain = write("plain.json", { target: "linux-arm64", listeners });

test("paths of extended files count from the file that names them", async () => {
  write("boards/chips/arm.json", { target: "linux-arm64", timing: { drain: "3s" } });
  write("boards/b.json", { extends: "chips/arm.json", listeners });
  const target = write("sites/s.json", { extends: "../boards/b.json" });
  const plan = await planOf(routes, target);
  assert.deepEqual(plan, { ...(await planOf(routes, plain)), limits: { ...plan.limits, drainMs: 3000 } });
});

test("overridden values are the plan's, and nothing else changes", async () => {
  const target = write("override.json", {
    extends: "plain.json",
    overrides: {
      "defaults.timeouts.connect": "2s",
      "routes.x.timeouts.request": "80s",
      "upstreams.a.endpoints": [{ url: "http://127.0.0.1:3" }],
    },
  });
  const [as, expected] = [await planOf(routes, target), await planOf(routes, plain)];
  const [x, y] = expected.routes;
  const endpoints = [{ host: "127.0.0.1", port: 3, socketPath: "", weight: 1 }];
  assert.deepEqual(as, {
    ...expected,
    upstreams: [{ ...expected.upstreams[0], endpoints }],
    routes: [
      { ...x, connectMs: 2000, requestMs: 80_000 },
      { ...y, connectMs: 2000 },
    ],
  });
});
