/** The gate on bundles of a copy of this repository that each have one thing in them that may not be there. */
import assert from "node:assert/strict";
import { appendFile, cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";
import { bundle } from "../build/bundle.ts";
import { check } from "../build/compile.ts";
import { emit } from "../build/emit/index.ts";
import type { RouteUse } from "../build/feature.ts";
import { findFeatures } from "../build/features.ts";
import { CODE_BYTES_MAX, FORBIDDEN, gate } from "../build/gate.ts";
import type { Plan, PlannedFeature } from "../build/plan.ts";
import { planOf } from "./plans.ts";

const REPOSITORY = join(import.meta.dirname, "..");
const RESPOND: PlannedFeature = { name: "respond", folder: "src/features/respond" };

let repository: string;
beforeEach(async () => {
  repository = await mkdtemp(join(tmpdir(), "hardwire-gate-"));
  for (const part of ["src", "build", "package.json", "tsconfig.json"]) {
    await cp(join(REPOSITORY, part), join(repository, part), { recursive: true });
  }
  await symlink(join(REPOSITORY, "node_modules"), join(repository, "node_modules"));
});
afterEach(() => rm(repository, { recursive: true }));

/** A plan whose only route is answered by respond. */
function respondPlan(body: string): Plan {
  const reply = { kind: "reply", status: 200, fields: [], body } as const;
  const respond: RouteUse = { answers: true, phases: { request: { fn: "respond", data: reply } } };
  return planOf([{ path: "/*", uses: { respond } }], { features: [RESPOND] });
}

async function bundled(plan: Plan) {
  const generated = join(repository, "generated");
  await emit(plan, generated);
  const input = { repository, generated, features: plan.features };
  return { input, made: await bundle(input) };
}

async function problems(plan: Plan): Promise<string[]> {
  const { input, made } = await bundled(plan);
  return gate(input, made);
}

test("the core with a feature is let through, whatever the routes file says in its texts", async () => {
  assert.deepEqual(
    await problems(respondPlan('eval(console.log(new Function("zod"), process.env, Date), a.toLocaleString())')),
    [],
  );
});

test("a library is refused, once, with the chain that brought it", async () => {
  await appendFile(
    join(repository, "src/core/bytes.ts"),
    '\nimport { z } from "zod";\nexport const schema = z.string();\n',
  );
  const all = await problems(respondPlan(""));
  const found = all.filter((problem) => !problem.startsWith("core and features have"));
  assert.equal(found.length, 1, found.join("\n"));
  assert.match(
    found[0]!,
    /zod.* may not be in the bundle: the device program has no dependencies; imported by src\/core\/main\.ts → .*src\/core\/bytes\.ts → .*zod/,
  );
});

test("a feature.ts is refused, even if nothing of it is used", async () => {
  await appendFile(
    join(repository, "src/features/respond/runtime.ts"),
    '\nimport feature from "./feature.ts";\nvoid feature.name;\n',
  );
  const found = await problems(respondPlan(""));
  assert.match(
    found.join("\n"),
    /^src\/features\/respond\/feature\.ts may not be in the bundle: a feature\.ts runs at build only; imported by .* → generated\/chains\.ts → src\/features\/respond\/runtime\.ts → src\/features\/respond\/feature\.ts$/m,
  );
});

test("a file of the compiler is refused", async () => {
  await appendFile(join(repository, "src/core/log.ts"), '\nexport { nearest } from "../../build/near-miss.ts";\n');
  assert.match(
    (await problems(respondPlan(""))).join("\n"),
    /^build\/near-miss\.ts .*the compiler does not run on the device/,
  );
});

test("a feature that no route uses is refused", async () => {
  await appendFile(
    join(repository, "src/core/log.ts"),
    '\nexport { replacePrefix } from "../features/rewrite/runtime.ts";\n',
  );
  assert.match(
    (await problems(respondPlan(""))).join("\n"),
    /^src\/features\/rewrite\/runtime\.ts .*neither core, nor/,
  );
});

test("a module that the runtime does not have is refused", async () => {
  await appendFile(join(repository, "src/core/log.ts"), '\nimport "node:nothing";\n');
  assert.match(
    (await problems(respondPlan(""))).join("\n"),
    /^node:nothing is no module of the runtime; imported by .*src\/core\/log\.ts → node:nothing$/,
  );
});

const USES: Readonly<Record<string, string>> = {
  eval: 'eval("1")',
  Function: 'new Function("1")',
  console: "console.log(1)",
  fetch: 'fetch("http://x.test")',
  Date: "Date.now()",
  setTimeout: "setTimeout(() => {}, 1)",
  setInterval: "setInterval(() => {}, 1)",
  Intl: "new Intl.Segmenter()",
  "process.env": "process.env.PATH",
  localeCompare: '"a".localeCompare("b")',
};

test("every forbidden global has a case", () => {
  for (const name of Object.keys(FORBIDDEN)) assert.ok(name in USES, name);
});

for (const [name, code] of Object.entries(USES)) {
  test(`a feature that uses ${name} is refused`, async () => {
    await appendFile(join(repository, "src/features/respond/runtime.ts"), `\nexport const extra = () => ${code};\n`);
    const found = await problems(respondPlan(""));
    assert.equal(found.length, 1, found.join("\n"));
    assert.ok(found[0]!.startsWith(`src/features/respond/runtime.ts uses ${name}: `), found[0]);
  });
}

test("a variable of the same name is not the global", async () => {
  await appendFile(
    join(repository, "src/features/respond/runtime.ts"),
    "\nexport const extra = (fetch: () => void) => fetch();\n",
  );
  assert.deepEqual(await problems(respondPlan("")), []);
});

for (const [what, code] of Object.entries({
  "a call": "process.on('exit', () => {});",
  "an object of a class that may do anything": "export const table = new Float64Array(64);",
  "a change of something else": "process.title = 'x';",
})) {
  test(`a feature that does something as it is loaded is refused: ${what}`, async () => {
    await appendFile(join(repository, "src/features/respond/runtime.ts"), `\n${code}\n`);
    const found = await problems(respondPlan(""));
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0]!, /^src\/features\/respond\/runtime\.ts does something as it is loaded: .*; keep state in/);
  });
}

test("state that is made without effects is none, and what no route calls is not in the bundle", async () => {
  const { made: before } = await bundled(respondPlan(""));
  await appendFile(
    join(repository, "src/features/respond/runtime.ts"),
    "\nconst table = /* @__PURE__ */ new Float64Array(64);\nexport const unused = () => table[0];\n",
  );
  const { input, made } = await bundled(respondPlan(""));
  assert.deepEqual(await gate(input, made), []);
  assert.equal(made.sha256, before.sha256);
});

test("what only a switched-off branch calls is not in the bundle", async () => {
  const expected = { source: "r.yaml:1", listener: 0, method: "GET", host: "h", target: "/", fields: [], expect: {} };
  for (const tests of [[], [expected]]) {
    const { made } = await bundled({ ...respondPlan(""), tests });
    const bytes = made.inputs.find(({ path }) => path === "src/core/self-test.ts")!.bytes;
    assert.equal(bytes > 0, tests.length > 0, `${bytes} bytes with ${tests.length} tests`);
    assert.equal(made.code.includes("--self-test"), tests.length > 0);
  }
});

test("everything at once is below the ceiling", async () => {
  const [routes, target] = [join(repository, "routes.json"), join(repository, "target.json")];
  const api = {
    endpoints: [{ url: "http://plc.local" }, { url: "unix:/run/a.sock" }],
    lb_policy: "least_request",
    pipelining: 4,
  };
  const fields = {
    set: { "X-Id": "{request.id}", "X-Key": "{credential.key}" },
    add: { "X-Path": "{path}" },
    remove: ["Server"],
  };
  const match = { methods: ["GET"], headers: { "X-A": { prefix: "a" } }, query: { q: { present: true } } };
  const plan = {
    version: 1,
    name: "t",
    defaults: { hosts: ["h", "*.h"], request_headers: fields, response_headers: fields },
    upstreams: { api },
    routes: [
      { name: "prefix", match: { ...match, path: "/a/*" }, upstream: "api", rewrite: { strip_prefix: "/a" } },
      { name: "regex", match: { path_regex: "/b/[0-9]+" }, upstream: "api", listeners: ["public"] },
      {
        name: "template",
        match: { path: "/c/{id}" },
        upstream: "api",
        limits: { uri: "1KiB", headers: 9, in_flight: 2 },
      },
      { name: "fixed", match: { path: "/d" }, respond: { status: 200, body: "d" } },
    ],
    observability: {
      metrics: { listener: "admin", textfile: { path: "/run/t/t.prom" } },
      access_log: { format: "json", request_headers: ["User-Agent"] },
      health: {},
      request_id: { trust: ["lan"] },
      trace: { propagate: "w3c", trust: ["lan"] },
    },
    tests: [{ request: "GET h/d", expect: { route: "fixed" } }],
  };
  await writeFile(routes, JSON.stringify(plan));
  const listeners = {
    public: { address: "127.0.0.1:1" },
    lan: { address: "127.0.0.1:2" },
    admin: { address: "127.0.0.1:3" },
  };
  const service = { manager: "systemd", watchdog: "30s", credentials: { from: "/etc/t" } };
  await writeFile(target, JSON.stringify({ target: "linux-x64", listeners, service, update: {} }));
  const { design, diagnostics } = await check(routes, target);
  assert.ok(design !== undefined, JSON.stringify(diagnostics));
  assert.deepEqual(await problems(design.plan), []);
});

test("code beyond the ceiling is refused, with the largest modules", async () => {
  const text = JSON.stringify("x".repeat(CODE_BYTES_MAX));
  await appendFile(join(repository, "src/core/log.ts"), `\nprocess.title = ${text};\n`);
  assert.match(
    (await problems(respondPlan(""))).join("\n"),
    new RegExp(
      `^core and features have \\d+ bytes, at most ${CODE_BYTES_MAX} are allowed; the largest: src/core/log\\.ts`,
    ),
  );
});

test("a feature folder that nothing uses leaves the bundle as it is, whether it is there or not", async () => {
  const routes = join(repository, "routes.json");
  const target = join(repository, "target.json");
  const api = { endpoints: [{ url: "http://127.0.0.1:9700" }] };
  const all = { name: "all", match: { path: "/a/*" }, upstream: "api", rewrite: { strip_prefix: "/a" } };
  await writeFile(routes, JSON.stringify({ version: 1, name: "t", upstreams: { api }, routes: [all] }));
  const listeners = { public: { address: "127.0.0.1:9800" } };
  await writeFile(target, JSON.stringify({ target: "linux-x64", listeners }));

  // A query makes Node load the copy's features anew.
  const build = async (run: number) => {
    const { check } = (await import(
      `${pathToFileURL(join(repository, "build/compile.ts")).href}?${run}`
    )) as typeof import("../build/compile.ts");
    const { design, diagnostics } = await check(routes, target);
    assert.ok(design !== undefined, JSON.stringify(diagnostics));
    return bundled(design.plan);
  };
  const before = await build(1);
  const fourth = join(repository, "src/features/fourth");
  await mkdir(fourth);
  await writeFile(
    join(fourth, "feature.ts"),
    `import { z } from "zod";
import { defineFeature } from "../../../build/feature.ts";
export default defineFeature({
  name: "fourth",
  stage: "admit",
  summary: "for a test",
  routeKeys: { fourth: z.boolean().describe("For a test.") },
  use: () => ({ phases: { request: { fn: "fourth", data: null } } }),
});
`,
  );
  await writeFile(join(fourth, "runtime.ts"), "export function fourth(): number {\n  return 0;\n}\n");
  const after = await build(2);
  assert.equal(after.made.sha256, before.made.sha256);
  assert.deepEqual(await gate(after.input, after.made), []);

  // And it was found: used, it is in.
  const used = { ...all, fourth: true };
  await writeFile(routes, JSON.stringify({ version: 1, name: "t", upstreams: { api }, routes: [used] }));
  const withFourth = await build(3);
  assert.notEqual(withFourth.made.sha256, before.made.sha256);
  assert.ok(withFourth.made.inputs.some(({ path }) => path === "src/features/fourth/runtime.ts"));

  // Nor do those that are there leave a trace.
  const features = join(repository, "src/features");
  for (const name of await readdir(features))
    if (name !== "rewrite") await rm(join(features, name), { recursive: true });
  await writeFile(routes, JSON.stringify({ version: 1, name: "t", upstreams: { api }, routes: [all] }));
  const alone = await build(4);
  assert.equal(alone.made.sha256, before.made.sha256);
  for (const trace of ["beginRecord", "adminApp", "openmetrics", "PerformanceObserver", "upstreamError"]) {
    assert.ok(!alone.made.code.includes(trace), trace);
  }
});

test("without the folders of features that nothing asks for, the program is the same", async () => {
  const routes = join(repository, "routes.json");
  const target = join(repository, "target.json");
  const ping = { name: "ping", match: { path: "/ping" }, respond: { status: 200, body: "pong" } };
  await writeFile(routes, JSON.stringify({ version: 1, name: "t", routes: [ping] }));
  const listeners = { public: { address: "127.0.0.1:9800" } };
  await writeFile(target, JSON.stringify({ target: "linux-x64", listeners }));
  const build = async (run: string) => {
    const { check } = (await import(
      `${pathToFileURL(join(repository, "build/compile.ts")).href}?${run}`
    )) as typeof import("../build/compile.ts");
    const { design, diagnostics } = await check(routes, target);
    assert.ok(design !== undefined, JSON.stringify(diagnostics));
    return (await bundled(design.plan)).made.sha256;
  };
  const before = await build("all");
  for (const { name } of await findFeatures()) {
    if (name !== "respond") await rm(join(repository, "src/features", name), { recursive: true });
  }
  assert.equal(await build("alone"), before);
});

test("the same plan gives the same bytes in another folder, and no folder's name is in them", async () => {
  const here = (await bundled(respondPlan("x"))).made;
  const generated = join(repository, "elsewhere/deeper");
  await emit(respondPlan("x"), generated);
  const there = await bundle({ repository: REPOSITORY, generated, features: [RESPOND] });
  assert.equal(there.sha256, here.sha256);
  assert.deepEqual(there.inputs, here.inputs);
  for (const folder of [REPOSITORY, repository]) assert.ok(!here.code.includes(folder), folder);
});
