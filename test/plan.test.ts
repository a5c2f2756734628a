/** From two correct files to the plan: what is written, and what holds where nothing is. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { check } from "../build/compile.ts";
import type { Plan } from "../build/plan.ts";

const folder = mkdtempSync(join(tmpdir(), "hardwire-plan-"));
after(() => rmSync(folder, { recursive: true }));

const LISTENERS = { public: { address: "127.0.0.1:8080" } };

async function planFor(upstreams: object, routes: readonly object[], limits = {}): Promise<Plan> {
  const [routesFile, targetFile] = [join(folder, "routes.json"), join(folder, "target.json")];
  const named = routes.map((route, i) => ({ name: `r${i}`, match: { path: `/${i}` }, upstream: "a", ...route }));
  writeFileSync(routesFile, JSON.stringify({ version: 1, name: "t", upstreams, routes: named }));
  writeFileSync(targetFile, JSON.stringify({ target: "linux-x64", listeners: LISTENERS, limits }));
  const { design, diagnostics } = await check(routesFile, targetFile);
  assert.ok(design, diagnostics.map(({ message }) => message).join("\n"));
  return design.plan;
}

test("an upstream that says nothing but where it is", async () => {
  const { upstreams, routes } = await planFor({ a: { endpoints: [{ url: "http://A.test" }] } }, [{}]);
  assert.deepEqual(upstreams, [
    {
      name: "a",
      endpoints: [{ host: "a.test", port: 80, socketPath: "", weight: 1 }],
      connectionsMax: 128,
      connectionsIdleMax: 128,
      connectionsIdleMs: 30_000,
      waitingMax: 512,
      pipelining: 1,
      policy: "round_robin",
    },
  ]);
  assert.equal(routes[0]!.queueMs, 1000);
});

test("an upstream that says everything", async () => {
  const a = {
    lb_policy: "least_request",
    endpoints: [
      { url: "unix:/run/a.sock", weight: 256 },
      { url: "http://[::1]:81", weight: 2 },
    ],
    pipelining: 64,
    connections: { max: 4, max_idle: 2, max_waiting: 9, idle_timeout: "5s" },
    timeouts: { queue: "2s" },
  };
  const { upstreams, routes } = await planFor({ a }, [{}, { timeouts: { queue: "250ms" } }]);
  assert.deepEqual(upstreams, [
    {
      name: "a",
      endpoints: [
        { host: "", port: 0, socketPath: "/run/a.sock", weight: 256 },
        { host: "::1", port: 81, socketPath: "", weight: 2 },
      ],
      connectionsMax: 4,
      connectionsIdleMax: 2,
      connectionsIdleMs: 5000,
      waitingMax: 9,
      pipelining: 64,
      policy: "least_request",
    },
  ]);
  assert.deepEqual(
    routes.map(({ queueMs }) => queueMs),
    [2000, 250],
  );
});

test("who waits is in flight: half of the exchanges if nothing is said, never more than all", async () => {
  const waitingMax = async (connections: object, in_flight: number) =>
    (await planFor({ a: { endpoints: [{ url: "http://a" }], connections } }, [{}], { in_flight })).upstreams[0]!
      .waitingMax;
  assert.deepEqual(
    [
      await waitingMax({}, 64),
      await waitingMax({}, 1),
      await waitingMax({ max_waiting: 100 }, 64),
      await waitingMax({ max_waiting: 0 }, 64),
    ],
    [32, 0, 64, 0],
  );
});

test("a request's head: 8 KiB if nothing is said, half of it for path and query", async () => {
  const limitsFor = async (limits: object) => {
    const plan = await planFor({ a: { endpoints: [{ url: "http://a" }] } }, [{}], limits);
    return [plan.limits.clientHeadBytesMax, plan.limits.targetBytesMax];
  };
  assert.deepEqual(await limitsFor({}), [8192, 4096]);
  assert.deepEqual(await limitsFor({ header_bytes: "1KiB" }), [1024, 512]);
  assert.deepEqual(await limitsFor({ header_bytes: "1025B" }), [1025, 512]);
  assert.deepEqual(await limitsFor({ uri: "8KiB" }), [8192, 8192]);
  assert.deepEqual(await limitsFor({ header_bytes: "16KiB", uri: "512B" }), [16_384, 512]);
});

test("no default exceeds the route's request timeout", async () => {
  const { routes } = await planFor({ a: { endpoints: [{ url: "http://a" }] } }, [{ timeouts: { request: "400ms" } }]);
  const { connectMs, queueMs, responseHeaderMs, requestMs, idleMs } = routes[0]!;
  assert.deepEqual([connectMs, queueMs, responseHeaderMs, requestMs, idleMs], [400, 400, 400, 400, 400]);
});
