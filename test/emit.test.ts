/** The generated modules: they type-check, have the stand-ins' shapes, do what the plan says, and nothing breaks out. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { runInNewContext } from "node:vm";
import { transform } from "esbuild";
import fc from "fast-check";
import { bundle } from "../build/bundle.ts";
import { emit, emitTexts, GENERATED_FILES } from "../build/emit/index.ts";
import { comment, key, literal } from "../build/emit/text.ts";
import { field, type RouteUse, template } from "../build/feature.ts";
import type { Condition, Plan } from "../build/plan.ts";
import headers from "../src/features/headers/feature.ts";
import respond from "../src/features/respond/feature.ts";
import rewrite from "../src/features/rewrite/feature.ts";
import { planOf, type RouteSketch } from "./plans.ts";

const REPOSITORY = join(import.meta.dirname, "..");
const FEATURES = [headers, respond, rewrite].map(({ name }) => ({ name, folder: `src/features/${name}` }));

function sketch(path: string, values: Readonly<Record<string, unknown>>): RouteSketch {
  const uses: Record<string, RouteUse> = {};
  const view = { name: "r", path, pathKind: "prefix", methods: undefined, hosts: undefined, upstream: "api" } as const;
  for (const feature of [headers, respond, rewrite]) {
    if (!Object.keys(feature.routeKeys).some((key) => key in values)) continue;
    const use = feature.use(values, view);
    if (use !== undefined) uses[feature.name] = use;
  }
  return { path, uses };
}

/** Every phase, every placeholder, chains that differ, shared data and data of their own. */
const PLAN: Plan = planOf(
  [
    sketch("/a/*", {
      request_headers: {
        set: { "X-Request-Id": "{request.id}", "X-A": "{{{method} {path}?{query}}}" },
        remove: ["X-B"],
      },
      response_headers: { add: { "X-C": "{route} {upstream} {scheme} {host}" }, remove: ["Server", "X_D"] },
      rewrite: { strip_prefix: "/a" },
    }),
    sketch("/b/*", {
      rewrite: { replace_prefix: { from: "/b", to: "/v2" } },
      request_headers: { set: { "X-A": "b" } },
    }),
    sketch("/c", { respond: { status: 200, body: "c\n" }, response_headers: { set: { "X-C": "c" } } }),
    sketch("/d", { respond: { status: 204 } }),
    sketch("/e", {}),
  ],
  { features: FEATURES },
);

const LISTENERS = ["public", "lan"].map((name, i) => ({ name, host: "127.0.0.1", port: 8080 + i }));

/** Everything that can tell routes apart. */
function conditional(count: number): RouteSketch[] {
  const routes = Array.from({ length: count }, (_, i): RouteSketch[] => [
    {
      path: `/t${i}/{id}`,
      hosts: [`h${i}.test`, `*.h${i}.test`],
      listeners: [i % 2],
      conditions: [
        { on: "field", name: "x-a", test: "exact", value: `${i}` },
        { on: "field", name: "x-b", test: "prefix", value: "b" },
        { on: "parameter", name: "v", test: "present", value: "" },
        { on: "parameter", name: "w", test: "absent", value: "" },
      ],
    },
    { path: `/e${i}`, methods: ["GET"], conditions: [{ on: "parameter", name: "v", test: "prefix", value: "1" }] },
  ]);
  return [
    ...routes.flat(),
    { path: "/v[0-9]+/.*", isRegex: true, hosts: ["*.test"] },
    { path: "/[a-z]", isRegex: true },
  ];
}

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "hardwire-emit-"));
});
after(() => rm(dir, { recursive: true }));

describe("types", () => {
  for (const [name, plan] of Object.entries({
    "every feature": PLAN,
    "no feature, one route": planOf([{ path: "/*" }]),
    "no literal text, many hosts, tables": planOf(
      [
        sketch("/x", { response_headers: { set: { "X-E": "" } } }),
        ...Array.from({ length: 40 }, (_, i) => ({ path: `/t${i}/{id}`, hosts: [`h${i}.test`], methods: ["GET"] })),
        ...Array.from({ length: 20 }, (_, i) => ({ path: `/e${i}` })),
      ],
      { features: FEATURES },
    ),
    "listeners, wildcards, conditions and patterns, code": planOf(conditional(2), { listeners: LISTENERS }),
    "listeners, wildcards, conditions and patterns, tables": planOf(conditional(40), { listeners: LISTENERS }),
    "conditions on the query alone, tables": planOf(
      conditional(40).map(({ path, conditions = [] }) => ({
        path,
        conditions: conditions.filter(({ on }) => on === "parameter"),
      })),
    ),
  })) {
    test(`${name}: strict, and the stand-ins' shapes`, async () => {
      const folder = join(dir, name.replace(/\W+/g, "-"));
      await emit(plan, join(folder, "generated"));
      const shapes = GENERATED_FILES.map((file, i) =>
        [
          `import * as standIn${i} from "${REPOSITORY}/src/generated/${file}";`,
          `import * as made${i} from "#generated/${file}";`,
          `export const a${i}: typeof standIn${i} = made${i};`,
          `export const b${i}: typeof made${i} = standIn${i};`,
        ].join("\n"),
      );
      await writeFile(join(folder, "shapes.ts"), shapes.join("\n"));
      await writeFile(join(folder, "package.json"), '{ "type": "module" }');
      await writeFile(
        join(folder, "tsconfig.json"),
        JSON.stringify({
          extends: `${REPOSITORY}/tsconfig.json`,
          compilerOptions: {
            typeRoots: [`${REPOSITORY}/node_modules/@types`],
            paths: {
              "#generated/*": ["./generated/*"],
              "#core/*": [`${REPOSITORY}/src/core/*`],
              "#features/*": [`${REPOSITORY}/src/features/*`],
            },
          },
          include: ["."],
        }),
      );
      const tsc = await promisify(execFile)(join(REPOSITORY, "node_modules/.bin/tsc"), ["-p", folder]).catch((e) => e);
      const mine = String(tsc.stdout)
        .split("\n")
        .filter((line) => /generated\/|shapes\.ts/.test(line) && !line.includes("src/generated"));
      assert.deepEqual(mine, [], tsc.stdout);
    });
  }
});

describe("behaviour", () => {
  type Chains = typeof import("../src/generated/chains.ts") & typeof import("../src/generated/replies.ts");
  let made: Chains & typeof import("../src/generated/constants.ts");
  before(async () => {
    // A small repository whose device program only shows what was generated.
    const repository = join(dir, "repository");
    await cp(join(REPOSITORY, "src"), join(repository, "src"), { recursive: true });
    await writeFile(
      join(repository, "src/core/main.ts"),
      ["chains", "replies", "constants"].map((file) => `export * from "#generated/${file}.ts";`).join("\n"),
    );
    await mkdir(join(repository, "generated"));
    await emit(PLAN, join(repository, "generated"));
    const { code } = await bundle({ repository, generated: join(repository, "generated"), features: FEATURES });
    await writeFile(join(dir, "made.cjs"), code);
    made = createRequire(import.meta.url)(join(dir, "made.cjs"));
  });

  type Exchange = Parameters<Chains["request"]>[0];
  const exchange = (route: number, path = "/"): Exchange =>
    ({ route, path, query: "q=1", method: "PUT", host: "h.test:80", requestId: "f00", res: null }) as Exchange;
  const written = (phase: "upstreamRequest" | "responseHead", x: Exchange, size = 512) => {
    const out = Buffer.alloc(size);
    const end = made[phase](x, out, 3);
    return { end, text: out.latin1Slice(3, Math.min(end, size)) };
  };

  test("request: rewrites go on with 0, replies answer with their number", () => {
    const x = exchange(0, "/a/x");
    assert.equal(made.request(x), 0);
    assert.equal(x.path, "/x");
    const y = exchange(1, "/b/x");
    assert.equal(made.request(y), 0);
    assert.equal(y.path, "/v2/x");
    assert.equal(made.request(exchange(2)), 64);
    assert.equal(made.request(exchange(3)), 65);
    assert.equal(made.request(exchange(4)), 0);
  });

  test("a stripped path never becomes empty", () => {
    const x = exchange(0, "/a");
    made.request(x);
    assert.equal(x.path, "/");
  });

  test("replies are what the routes file says", () => {
    assert.deepEqual(made.replies, [
      { status: "200 OK", fields: "content-type: text/plain; charset=utf-8", body: "c\n" },
      { status: "204 No Content", fields: "", body: "" },
    ]);
  });

  test("fields are appended with placeholders filled in", () => {
    assert.equal(written("upstreamRequest", exchange(0, "/x")).text, "X-Request-Id: f00\r\nX-A: {PUT /x?q=1}\r\n");
    assert.equal(written("upstreamRequest", exchange(1)).text, "X-A: b\r\n");
    assert.equal(written("upstreamRequest", exchange(2)).text, "");
    assert.equal(written("responseHead", exchange(0)).text, "\r\nX-C: route-0 api http h.test:80");
    assert.equal(written("responseHead", exchange(2)).text, "\r\nX-C: c");
  });

  test("what does not fit is not written, and its end says so", () => {
    const { end } = written("upstreamRequest", exchange(0, "/x"), 20);
    assert.equal(end, 3 + "X-Request-Id: f00\r\nX-A: {PUT /x?q=1}\r\n".length);
  });

  test("fields that are set or removed are dropped, in any case where they come as bytes", () => {
    for (const name of ["x-request-id", "x-a", "x-b"]) assert.equal(made.dropsRequestField(0, name), true, name);
    for (const name of ["x-c", "x-ab", "server"]) assert.equal(made.dropsRequestField(0, name), false, name);
    assert.equal(made.dropsRequestField(1, "x-b"), false);
    const dropped = (route: number, name: string) =>
      made.dropsResponseField(route, Buffer.from(`..${name}..`, "latin1"), 2, 2 + name.length);
    for (const name of ["server", "SERVER", "SerVer", "x_d", "X_D"]) assert.equal(dropped(0, name), true, name);
    // "_" and DEL differ in bit 5 alone, and so do "S" and byte 0x13's neighbour.
    for (const name of ["x\x7fd", "x-c", "servex", "\x13erver", "erver"]) assert.equal(dropped(0, name), false, name);
    assert.equal(dropped(2, "X-C"), true);
    assert.equal(dropped(4, "server"), false);
  });

  test("head buffers have room for what features add", () => {
    assert.deepEqual([made.CLIENT_HEAD_BYTES_MAX, made.TARGET_BYTES_MAX], [4096, 2048]);
    // Route, upstream, scheme and host of route 0.
    assert.equal(made.RESPONSE_HEAD_ADDED_BYTES, upTo256("\r\nX-C:    ".length + 63 + 63 + 5 + 255));
    // The head, the core's share, room for a longer path; then the id, the method, the path and the query.
    const fields = "X-Request-Id: \r\nX-A: { ?}\r\n".length + 32 + 32 + (2048 + 512) + 2048;
    assert.equal(made.REQUEST_HEAD_BYTES, upTo256(4096 + 602 + 512 + fields));
    assert.equal(made.TICK_MS, 100);
  });
});

function upTo256(bytes: number): number {
  return Math.ceil(bytes / 256) * 256;
}

test("constants: placeholders take what the device's limits allow, not what the largest device allows", () => {
  const limits = { ...PLAN.limits, clientHeadBytesMax: 1024, targetBytesMax: 512 };
  const bytesOf = (plan: Plan) => {
    const text = emitTexts(plan)["constants.ts"];
    return ["REQUEST_HEAD_BYTES", "RESPONSE_HEAD_ADDED_BYTES"].map((name) =>
      Number(new RegExp(`${name}: number = (\\d+)`).exec(text)![1]),
    );
  };
  const withPath = { ...planOf([sketch("/a", { response_headers: { set: { "X-P": "{path}" } } })]), limits };
  assert.deepEqual(bytesOf(withPath), [upTo256(1024 + 602), upTo256("\r\nX-P: ".length + 512 + 512)]);
  assert.deepEqual(bytesOf({ ...planOf([{ path: "/a" }]), limits }), [upTo256(1024 + 602), 0]);
});

test("constants: nothing used is nothing on; the tick is a tenth of the shortest timeout within its bounds", () => {
  const plan = planOf([{ path: "/*" }]);
  const text = emitTexts(plan)["constants.ts"];
  for (const flag of [
    "HAS_HOSTS",
    "HAS_REQUEST",
    "HAS_UPSTREAM_REQUEST",
    "HAS_RESPONSE_HEAD",
    "DROPS_REQUEST_FIELDS",
    "HAS_PIPELINING",
    "HAS_LEAST_REQUEST",
  ]) {
    assert.match(text, new RegExp(`${flag}: boolean = false`));
  }
  const tick = (timeout: { connectMs: number } | { queueMs: number }) =>
    /TICK_MS: number = (\d+)/.exec(
      emitTexts({ ...plan, routes: [{ ...plan.routes[0]!, ...timeout }] })["constants.ts"],
    )![1];
  const ticks = [20, 100, 254, 5000].map((connectMs) => tick({ connectMs }));
  assert.deepEqual([...ticks, tick({ queueMs: 300 })], ["10", "10", "25", "100", "30"]);
});

test("upstream options: a switch is on if any upstream needs it, and the tables say of each what it does", () => {
  const plan = planOf([{ path: "/*" }]);
  const [plain] = plan.upstreams;
  const socket = { host: "", port: 0, socketPath: "/run/a.sock", weight: 3 };
  const special = { ...plain!, name: "b", endpoints: [...plain!.endpoints, socket], waitingMax: 7 };
  const texts = (options: Partial<typeof special>) =>
    emitTexts({ ...plan, upstreams: [plain!, { ...special, ...options }] });
  assert.match(texts({ pipelining: 2 })["constants.ts"], /HAS_PIPELINING: boolean = true;\n.*= false;/);
  assert.match(texts({ policy: "least_request" })["constants.ts"], /HAS_PIPELINING: boolean = false;\n.*= true;/);
  const tables = texts({ pipelining: 16, policy: "least_request" })["tables.ts"];
  assert.match(
    tables,
    /\{ host: "127.0.0.1", port: 3000, socketPath: "", weight: 1 \},\n +\{ host: "", port: 0, socketPath: "\/run\/a.sock", weight: 3 \},/,
  );
  assert.match(
    tables,
    /waitingMax: 32,\n +pipelining: 1,\n +leastRequest: false,\n[\s\S]*waitingMax: 7,\n +pipelining: 16,\n +leastRequest: true,/,
  );
  assert.match(tables, /routeQueueMs: Uint32Array = new Uint32Array\(\[1000\]\)/);
});

test("what follows every request follows those that no route took, too, and a route's own comes besides", async () => {
  const every: RouteUse = {
    phases: { done: { fn: "note", data: { buckets: [1, 5] } }, upstreamError: { fn: "blame", data: null } },
  };
  const own: RouteUse = { phases: { done: { fn: "own", data: 7 } } };
  const plan = planOf(
    [
      { path: "/a", uses: { every, own } },
      { path: "/b", uses: { every } },
    ],
    {
      features: ["every", "own"].map((name) => ({ name, folder: `src/features/${name}` })),
      program: new Map([["every", { requests: every, start: { fn: "begin", data: "now" } }]]),
    },
  );
  const calls: unknown[] = [];
  const runtimes = Object.fromEntries(
    ["every_note", "every_blame", "every_begin", "own_own"].map((name) => [
      name,
      (...given: unknown[]) => calls.push([name, ...given]),
    ]),
  );
  const run = async (file: "chains.ts" | "program.ts", call: string) => {
    const typed = emitTexts(plan)
      [file].replaceAll(/^import .*$/gm, "")
      .replaceAll("export ", "");
    const { code } = await transform(`${typed}\n${call}`, { loader: "ts" });
    calls.length = 0;
    runInNewContext(code, { ...runtimes });
    return JSON.parse(JSON.stringify(calls)) as unknown;
  };
  const noted = (route: number) => ["every_note", { route }, { buckets: [1, 5] }];
  assert.deepEqual(await run("chains.ts", "done({ route: -1 }); done({ route: 1 }); done({ route: 0 })"), [
    noted(-1),
    noted(1),
    noted(0),
    ["own_own", { route: 0 }, 7],
  ]);
  assert.deepEqual(await run("chains.ts", "upstreamError({ route: 1 }, 14)"), [
    ["every_blame", { route: 1 }, 14, null],
  ]);
  assert.deepEqual(await run("program.ts", "startFeatures(); stopFeatures()"), [["every_begin", "now"]]);
});

test("fields that features ask for are kept by number, and a refusal's head is everybody's", async () => {
  const ids: RouteUse = {
    phases: {
      arrive: { fn: "read", data: { names: [field("x-id"), field("trace"), field("x-id")] } },
      refusalHead: { fn: "tell", data: template("\r\nX: 1") },
    },
  };
  const plan = planOf([{ path: "/a", uses: { ids } }], {
    features: [{ name: "ids", folder: "src/features/ids" }],
    program: new Map([["ids", { requests: ids }]]),
  });
  const { "chains.ts": chains, "constants.ts": constants } = emitTexts(plan);
  assert.match(constants, /TAKES_FIELDS: boolean = true/);
  const typed = chains.replaceAll(/^import .*$/gm, "").replaceAll("export ", "");
  const calls = [
    'takeField("x-id", "7"); takeField("trace", "t"); takeField("x-idx", "8"); takeField("host", "h")',
    "arrive({ route: -2 }); said.push(refusalHead({ route: -1 }, {}, 5) + refusalHead({ route: 0 }, {}, 1))",
  ];
  const { code } = await transform(`${typed}\n${calls.join(";")}`, { loader: "ts" });
  const said: unknown[] = [];
  const ids_read = (x: unknown, data: unknown) => said.push([x, data]);
  const ids_tell = (_x: unknown, _out: unknown, at: number, block: unknown) =>
    typeof block === "function" ? at * 2 : 0;
  const take = (number: number, value: string) => said.push([number, value]);
  runInNewContext(code, { said, take, ids_read, ids_tell, putText: () => 0 });
  const plain = JSON.parse(JSON.stringify(said));
  assert.deepEqual(plain, [[0, "7"], [1, "t"], [{ route: -2 }, { names: [0, 1, 0] }], 12]);
  assert.match(emitTexts(planOf([{ path: "/a" }]))["constants.ts"], /TAKES_FIELDS: boolean = false/);
});

test("generated code names its source and quotes each route's place", () => {
  const texts = emitTexts(PLAN);
  for (const file of GENERATED_FILES) {
    assert.ok(texts[file].startsWith("// Generated by hardwire from routes/test.yaml; do not edit.\n"), file);
    assert.doesNotMatch(texts[file], /[ \t]$/m, `${file}: blanks at the end of a line`);
  }
  assert.match(texts["matcher.ts"], /\/\/ routes\/test.yaml:1 route-0: \/a\/\*/);
});

test("the same plan gives the same text", () => {
  assert.deepEqual(emitTexts(PLAN), emitTexts(structuredClone(PLAN)));
});

const nasty = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(
      fc.constantFrom(
        "\u2028",
        "\u2029",
        "*/",
        "/*",
        "//",
        "\n",
        "\r",
        '"',
        "'",
        "`",
        "$",
        "{x}",
        "\\",
        "\\u{",
        "\u202e",
        "\ud800",
        "{{",
        "}}",
        "</script>",
        "__proto__",
      ),
    )
    .map((parts) => parts.join("")),
);

test("no value of a routes file breaks out of a literal or a comment", async () => {
  const seed = Number(process.env.SEED ?? Date.now() & 0x7fffffff);
  console.log(`seed ${seed}`);
  fc.assert(
    fc.property(nasty, (text) => {
      assert.equal(runInNewContext(literal(text)), text);
      assert.deepEqual([...runInNewContext(`Object.keys({ ${key(text)}: 1 })`)], [text]);
      assert.doesNotMatch(literal(text), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      assert.doesNotMatch(comment(text), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }),
    { seed, numRuns: 2000 },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(nasty, { minLength: 8, maxLength: 8 }), async (texts) => {
      const [name, path, host, status, value, key, body, source] = texts as [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
      ];
      const uses: Record<string, RouteUse> = {
        respond: {
          phases: {
            request: {
              fn: "respond",
              data: { [key]: { kind: "reply", status: 200, fields: [[status, value]], body } },
            },
            upstreamRequest: { fn: "f", data: [value, { [key]: value }, template(value.replace(/[{}]/g, "$&$&"))] },
          },
          dropRequestFields: [name],
        },
      };
      const conditions: Condition[] = [
        { on: "field", name: key, test: "exact", value },
        { on: "parameter", name: key, test: "prefix", value },
      ];
      const route = { path: `/${path}`, name, hosts: [host], source, uses, conditions };
      const plan = planOf([route, { ...route, path: "/*" }], { name, features: FEATURES });
      for (const [file, text] of Object.entries(emitTexts(plan))) {
        // Names that appear outside of literals and comments would be new identifiers or a syntax error.
        const { code } = await transform(text, { loader: "ts", minifyWhitespace: true });
        const bare = code.replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g, '""');
        const known = await skeletonOf(file);
        for (const word of bare.match(/[A-Za-z_$][\w$]*/g) ?? [])
          assert.ok(
            known.has(word) || known.has(word.replace(/^_/, "")) || word === key || /^end\d+$/.test(word),
            `${file}: ${word}\n${text}`,
          );
      }
    }),
    { seed, numRuns: 150 },
  );
});

const skeletons = new Map<string, Set<string>>();
/** The words that generated code is made of, whatever the routes. */
async function skeletonOf(file: string): Promise<Set<string>> {
  let words = skeletons.get(file);
  if (words === undefined) {
    const uses: Record<string, RouteUse> = {
      respond: {
        phases: {
          request: { fn: "respond", data: { a: { kind: "reply", status: 200, fields: [["a", "b"]], body: "" } } },
          upstreamRequest: { fn: "f", data: ["v", { b: "v" }, template("t")] },
        },
        dropRequestFields: ["n"],
      },
    };
    const conditions: Condition[] = [
      { on: "field", name: "n", test: "exact", value: "v" },
      { on: "parameter", name: "n", test: "prefix", value: "v" },
    ];
    const plan = planOf(
      [
        { path: "/c", name: "n", conditions },
        { path: "/a", name: "n", hosts: ["h"], uses },
        { path: "/{a}/b", name: "n", hosts: ["h"], uses },
        { path: "/b/{a}", name: "n", hosts: ["h"], uses },
        { path: "/{a}/b/*", name: "n", hosts: ["h"], uses },
        { path: "/*", name: "n", hosts: ["h"], uses },
      ],
      { features: FEATURES },
    );
    words = new Set(
      (await transform(emitTexts(plan)[file as "chains.ts"], { loader: "ts" })).code.match(/[A-Za-z_$][\w$]*/g) ?? [],
    );
    skeletons.set(file, words);
  }
  return words;
}
