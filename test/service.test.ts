/**
 * The systemd unit and the kernel settings that `--service` writes: as systemd's own tools judge them, and every number
 * in them a function of the plan. On a booted systemd: test/lab/service.test.ts.
 *
 * `HARDWIRE_UPDATE=1 node --test test/service.test.ts` writes the golden files in test/cases/service.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import { descriptorBudget } from "../build/budget/descriptors.ts";
import { memoryBudget } from "../build/budget/memory.ts";
import { check } from "../build/compile.ts";
import type { Plan } from "../build/plan.ts";
import { makeSysctl, makeUnit } from "../build/service/index.ts";
import { planOf } from "./plans.ts";

const ROOT = join(import.meta.dirname, "..");
const GOLDEN = join(import.meta.dirname, "cases/service");
const ANALYZE = "/usr/bin/systemd-analyze";
const skip = existsSync(ANALYZE) ? false : "systemd-analyze is not there (Debian's package systemd)";
/** Of systemd-analyze's 0 to 100: 2.0. */
const EXPOSURE_MAX = "20";

const folder = mkdtempSync(join(tmpdir(), "hardwire-service-"));
after(() => rmSync(folder, { recursive: true }));

const SERVICE: NonNullable<Plan["service"]> = { user: undefined, watchdogMs: 30_000, credentials: undefined };
const UPDATE: NonNullable<Plan["update"]> = {
  readyMs: 10_000,
  probationMs: 60_000,
  errorShareMax: 0.05,
  p99Ms: undefined,
  requestsMin: 20,
};

/** Every value of a key, in order. */
function valuesOf(text: string, key: string): string[] {
  return [...text.matchAll(/^([\w.-]+) ?= ?(.*)$/gm)].filter(([, name]) => name === key).map(([, , value]) => value!);
}

function single(text: string, key: string): string {
  const values = valuesOf(text, key);
  assert.equal(values.length, 1, `${key}: ${values.join(" | ")}`);
  return values[0]!;
}

const bytesOf = (text: string) => Number.parseInt(text, 10) * ({ M: 1 << 20, K: 1 << 10 }[text.at(-1)!] ?? 1);
const secondsOf = (text: string) => Number.parseFloat(text) / (text.endsWith("ms") ? 1000 : 1);

/** The examples whose target has a service; the routes file says in a comment which target it is for. */
async function examples(root = ROOT): Promise<Plan[]> {
  const plans: Plan[] = [];
  for (const routes of globSync("routes/*.yaml", { cwd: root }).sort()) {
    const target = /--target (\S+)/.exec(readFileSync(join(root, routes), "utf8"))?.[1];
    assert.ok(target !== undefined, `${routes} says how it is built`);
    const { design } = await check(join(root, routes), join(root, target));
    assert.ok(design !== undefined, routes);
    if (design.plan.service !== undefined) plans.push(design.plan);
  }
  assert.ok(plans.length >= 2, "some examples have a service");
  return plans;
}

const EXAMPLES = await examples();
/** Rights that the examples do not need. */
const OTHERS: readonly Plan[] = [
  planOf([{ path: "/" }], {
    name: "low-port",
    service: { ...SERVICE, user: "gateway", watchdogMs: undefined },
    listeners: [{ name: "public", host: "::", port: 443 }],
  }),
  planOf([{ path: "/" }], {
    name: "credentials",
    service: { ...SERVICE, credentials: { from: "/etc/gw/", areEncrypted: true } },
    credentials: ["a", "b"],
  }),
];

describe("systemd's own tools", { skip }, () => {
  for (const plan of [...EXAMPLES, ...OTHERS]) {
    test(`accept the unit of ${plan.name}, with an exposure of 2.0 at most`, () => {
      const file = join(folder, `${plan.name}.service`);
      // It looks for the executable; /bin/sh is one that is here.
      writeFileSync(file, makeUnit(plan).replace(/^ExecStart=.*$/m, "ExecStart=/bin/sh"));
      const verify = spawnSync(ANALYZE, ["verify", "--man=no", file], { encoding: "utf8" });
      assert.deepEqual([verify.status, verify.stdout, verify.stderr], [0, "", ""]);
      execFileSync(ANALYZE, ["security", "--offline=yes", `--threshold=${EXPOSURE_MAX}`, file], { stdio: "pipe" });
    });
  }
});

function textsOf(plan: Plan): string[] {
  return [makeUnit(plan), makeSysctl(plan)];
}

for (const plan of EXAMPLES) {
  test(`the service of ${plan.name} is as it was read and agreed to`, () => {
    for (const [name, text] of [
      [`${plan.name}.service`, makeUnit(plan)],
      [`${plan.name}.sysctl.conf`, makeSysctl(plan)],
    ] as const) {
      const file = join(GOLDEN, name);
      if (process.env.HARDWIRE_UPDATE === "1") writeFileSync(file, text);
      assert.equal(text, readFileSync(file, "utf8"));
    }
  });
}

test("the same files in another folder give the same service, and nothing of this machine is in it", async () => {
  const copy = join(folder, "some where", "else");
  for (const part of ["routes", "targets"]) cpSync(join(ROOT, part), join(copy, part), { recursive: true });
  const others = await examples(copy);
  assert.deepEqual(others.map(textsOf), EXAMPLES.map(textsOf));
  for (const text of EXAMPLES.flatMap(textsOf)) {
    for (const own of [ROOT, tmpdir(), hostname(), process.execPath]) assert.ok(!text.includes(`${own}/`), own);
    assert.match(text, /^[\x20-\x7e\n\u00d7]+$/);
  }
});

const plans = fc.record({
  connectionsMax: fc.integer({ min: 1, max: 5000 }),
  exchangesMax: fc.integer({ min: 1, max: 500 }),
  drainMs: fc.integer({ min: 1, max: 300_000 }),
  watchdogMs: fc.option(fc.integer({ min: 5000, max: 86_400_000 }), { nil: undefined }),
  spare: fc.option(fc.integer({ min: 0, max: 1 << 30 }), { nil: undefined }),
  isUpdated: fc.boolean(),
  port: fc.integer({ min: 1, max: 65_535 }),
  host: fc.constantFrom("0.0.0.0", "127.0.0.1", "192.168.7.1", "::", "::1", "fd00::7"),
  endpoint: fc.constantFrom("127.0.0.1", "10.0.0.11", "::1", "fd00::1", "api.test"),
});

type Sketch = typeof plans extends fc.Arbitrary<infer T> ? T : never;

/** With a budget that is so much more than the sum, or none. */
function makePlan({ spare, isUpdated, watchdogMs, port, host, endpoint, ...limits }: Sketch): Plan {
  const plan = planOf([{ path: "/" }], {
    service: { ...SERVICE, watchdogMs },
    update: isUpdated ? UPDATE : undefined,
    listeners: [{ name: "public", host, port }],
  });
  const upstream = { ...plan.upstreams[0]!, endpoints: [{ host: endpoint, port: 80, socketPath: "", weight: 1 }] };
  const whole = { ...plan, upstreams: [upstream], limits: { ...plan.limits, ...limits } };
  const budgetBytes = spare === undefined ? undefined : memoryBudget(whole).total + spare;
  return { ...whole, memory: { ...whole.memory, budgetBytes } };
}

test("every number in the unit follows from the plan", () => {
  fc.assert(
    fc.property(plans, (sketch) => {
      const plan = makePlan(sketch);
      const unit = makeUnit(plan);
      const builds = sketch.isUpdated ? 2 : 1;
      const { total, limit } = memoryBudget(plan);
      const [high, most] = ["MemoryHigh", "MemoryMax"].map((key) => bytesOf(single(unit, key)));
      assert.ok(high! >= builds * total && high! < builds * (total + 1024), "the sum, and not more");
      if (limit === undefined) assert.ok(most! > 1.09 * high!);
      else assert.equal(most, builds * limit);
      assert.equal(single(unit, "LimitNOFILE"), String(descriptorBudget(plan).total));
      assert.equal(secondsOf(single(unit, "TimeoutStopSec")), (sketch.drainMs + 5000) / 1000);
      const { watchdogMs } = sketch;
      assert.deepEqual(
        valuesOf(unit, "WatchdogSec").map(secondsOf),
        watchdogMs === undefined ? [] : [watchdogMs / 1000],
      );
      assert.equal(single(unit, "ExecStart"), builds === 2 ? "/opt/test/current/test" : "/usr/lib/test/test");
      assert.equal(single(unit, "OOMPolicy"), builds === 2 ? "continue" : "stop");
      assert.equal(valuesOf(makeSysctl(plan), "-net.ipv4.tcp_migrate_req").length, builds - 1);
    }),
  );
});

/** Ten starts that fail as slowly as they can are fewer than what the limit lets through. */
test("a service that never serves, or always hangs, is given up", () => {
  fc.assert(
    fc.property(plans, (sketch) => {
      const unit = makeUnit(makePlan(sketch));
      const [interval, burst, restart, start] = [
        "StartLimitIntervalSec",
        "StartLimitBurst",
        "RestartSec",
        "TimeoutStartSec",
      ].map((key) => secondsOf(single(unit, key)));
      assert.ok(interval! >= burst! * (restart! + start!));
      const hangs = burst! * (restart! + (sketch.watchdogMs ?? 0) / 1000);
      assert.ok(interval! >= Math.min(hangs, 3600), `${interval} s, ${hangs} s of hanging`);
    }),
  );
});

test("rights that only some plans need", () => {
  fc.assert(
    fc.property(plans, (sketch) => {
      const { host, endpoint, port } = sketch;
      const plan = makePlan(sketch);
      const unit = makeUnit(plan);
      const capability = port < 1024 ? "CAP_NET_BIND_SERVICE" : "";
      assert.equal(single(unit, "CapabilityBoundingSet"), capability);
      assert.deepEqual(valuesOf(unit, "AmbientCapabilities"), capability === "" ? [] : [capability]);
      const hasIPv6 = host.includes(":") || endpoint.includes(":") || endpoint === "api.test";
      assert.equal(single(unit, "RestrictAddressFamilies"), `AF_UNIX AF_INET${hasIPv6 ? " AF_INET6" : ""}`);
      // Who may not be sent to cannot ask either.
      const isClosed = ["127.0.0.1", "::1"].includes(host) && endpoint !== "api.test";
      const beyond = ["127.0.0.1", "::1"].includes(endpoint) ? "" : ` ${endpoint}`;
      assert.deepEqual(valuesOf(unit, "IPAddressDeny"), isClosed ? ["any"] : []);
      assert.deepEqual(valuesOf(unit, "IPAddressAllow"), isClosed ? [`localhost${beyond}`] : []);
      const late = /^(192|fd00)/.exec(host) === null ? [] : [host.includes(":") ? 6 : 4];
      const sysctl = makeSysctl(plan);
      for (const version of [4, 6]) {
        assert.deepEqual(valuesOf(sysctl, `-net.ipv${version}.ip_nonlocal_bind`), late.includes(version) ? ["1"] : []);
      }
    }),
  );
});

test("what a JIT cannot live with is never in a unit", () => {
  for (const plan of [...EXAMPLES, ...OTHERS]) {
    assert.doesNotMatch(makeUnit(plan), /^(MemoryDenyWriteExecute|LimitAS|StateDirectory)=/m);
  }
});

test("credentials come from where the target says, each under its name, and a missing one is not tried again", () => {
  const unit = makeUnit(OTHERS.find(({ name }) => name === "credentials")!);
  assert.deepEqual(valuesOf(unit, "LoadCredentialEncrypted"), ["a:/etc/gw/a", "b:/etc/gw/b"]);
  assert.match(single(unit, "RestartPreventExitStatus"), /\b243\b/);
  for (const plan of EXAMPLES) assert.deepEqual(valuesOf(makeUnit(plan), "ExecReload"), []);
});

test("--service for a target without one is a mistake of the target file, before anything is built", () => {
  const args = ["build", "routes/quickstart.yaml", "--target", "targets/linux-x64.yaml"];
  const command = [join(ROOT, "build/cli.ts"), ...args, "--out", join(folder, "gateway"), "--service", folder];
  const { status, stderr } = spawnSync(process.execPath, command, { cwd: ROOT, encoding: "utf8" });
  assert.equal(status, 65, stderr);
  assert.match(stderr, /^targets\/linux-x64\.yaml:3:1 {2}HW1102 {2}service: .*add service: \{ manager: systemd \}/);
  assert.ok(!existsSync(join(folder, "gateway")));
});
