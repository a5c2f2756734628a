/**
 * Any features go together: those that observe are bundled and loaded one by one, in pairs, and all at once. Features use
 * parts of the core that call features, so it is up to the order of modules whether all are there when they are needed.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { parse } from "yaml";
import { bundle } from "../build/bundle.ts";
import { check } from "../build/compile.ts";
import { emit } from "../build/emit/index.ts";
import { findFeatures } from "../build/features.ts";

const REPOSITORY = join(import.meta.dirname, "..");
const EXIT_USAGE = 64;
const folder = mkdtempSync(join(tmpdir(), "hardwire-together-"));
after(() => rmSync(folder, { recursive: true }));

const target = join(folder, "target.json");
const listeners = { public: { address: "127.0.0.1:8080" }, admin: { address: "127.0.0.1:9464" } };
writeFileSync(target, JSON.stringify({ target: "linux-x64", listeners }));

/** What the example in each one's README has under `observability`. */
const examples: object[] = (await findFeatures()).flatMap(({ name, programKeys = {} }) => {
  if (Object.keys(programKeys).length === 0) return [];
  const own = readFileSync(join(REPOSITORY, "src/features", name, "README.md"), "utf8");
  return [(parse(/^```yaml\n([\s\S]*?)^```$/m.exec(own)![1]!) as { observability: object }).observability];
});

/** Exit code of the program for these, told to do something it cannot: its modules are loaded, and nothing is started. */
async function load(observability: object): Promise<{ status: number | null; stderr: string }> {
  const routes = join(folder, "routes.json");
  const api = { endpoints: [{ url: "http://127.0.0.1:3000" }] };
  const all = { name: "all", match: { path: "/*" }, upstream: "api" };
  writeFileSync(routes, JSON.stringify({ version: 1, name: "t", upstreams: { api }, observability, routes: [all] }));
  const { design, diagnostics } = await check(routes, target);
  assert.ok(design !== undefined, JSON.stringify(diagnostics));
  const generated = join(folder, "generated");
  await emit(design.plan, generated);
  const { code } = await bundle({ repository: REPOSITORY, generated, features: design.plan.features });
  const file = join(folder, "gateway.cjs");
  writeFileSync(file, code);
  return spawnSync(process.execPath, [file, "--nothing"], { encoding: "utf8" });
}

const pairs = examples.flatMap((one, i) => examples.slice(i + 1).map((other) => [one, other]));
for (const together of [[], ...examples.map((one) => [one]), ...pairs, examples]) {
  const observability = Object.assign({}, ...together);
  test(`the program loads with ${Object.keys(observability).join(", ") || "none of them"}`, async () => {
    const { status, stderr } = await load(observability);
    assert.equal(status, EXIT_USAGE, stderr.slice(-500));
  });
}
