/** /livez and /readyz of the packed binary: what they say, when it turns, and that nobody hears of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostTarget } from "../harness/device.ts";
import { OBSERVED, OBSERVED_LISTENERS } from "../harness/observed-gateway.ts";
import {
  type Answer,
  ask,
  blackHole,
  Client,
  Device,
  fieldOf,
  get,
  head,
  ok,
  origin,
  pack,
  ports,
} from "../harness.ts";

/** Of src/features/health/runtime.ts, and the clock's steps. */
const KNOWN_MS = 10_000;
const TICK_MS = 100;

const api = await origin(ports.origin);
const second = await origin(ports.secondOrigin);
const binary = await pack(OBSERVED, hostTarget({ listeners: OBSERVED_LISTENERS }));
const device = new Device(binary);
await device.says(/\(lan\)/);

function page(path: string, ...fields: string[]): Promise<Answer> {
  return ask(ports.admin, get(path, ...fields));
}

async function readyLines(): Promise<readonly string[]> {
  const answer = await page("/readyz");
  const lines = answer.body.toString().trimEnd().split("\n");
  const failed = lines.some((line) => line.startsWith("[-]"));
  assert.equal(answer.status, failed ? 503 : 200);
  assert.equal(lines.at(-1), `readyz check ${failed ? "failed" : "passed"}`);
  return lines.slice(0, -1);
}

const ALL_WELL = ["listeners", "upstream api", "upstream pair", "upstream late", "upstream hole"].map(
  (name) => `[+]${name} ok`,
);

test("a gateway that nobody has asked anything is ready, and asking it reaches no upstream", async () => {
  for (let i = 0; i < 20; i++) assert.deepEqual(await readyLines(), ALL_WELL);
  const live = await page("/livez");
  assert.equal(live.status, 200);
  assert.equal(live.body.toString(), "[+]event loop ok\nlivez check passed\n");
  assert.equal(fieldOf(live, "content-type"), "text/plain; charset=utf-8");
  assert.equal(fieldOf(live, "cache-control"), "no-store");
  assert.equal(api.connections.length + second.connections.length, 0);
});

test("JSON for who asks for it; /healthz is /readyz; HEAD has no body; other methods and pages are refused", async () => {
  const checks = ALL_WELL.map((line) => ({ name: line.slice(3, -3), ok: true }));
  for (const answer of [
    await page("/readyz?format=json"),
    await page("/healthz?a=1&format=json"),
    await page("/readyz", "Accept: application/json"),
  ]) {
    assert.equal(fieldOf(answer, "content-type"), "application/json");
    assert.deepEqual(JSON.parse(answer.body.toString()), { ok: true, checks });
  }
  assert.match((await page("/healthz?format=jsonp")).body.toString(), /^\[\+\]listeners ok\n/);
  const bare = await ask(ports.admin, head("HEAD /livez"));
  assert.equal(bare.status, 200);
  assert.equal(bare.body.length, 0);
  assert.equal((await ask(ports.admin, head("POST /livez"))).status, 405);
  assert.equal((await page("/api/x")).status, 404, "no route is on it");
  assert.equal((await ask(ports.device, get("/livez"))).status, 404, "and none of its pages elsewhere");
});

test("an upstream of which one endpoint is left is up", async () => {
  second.script((_, connection) => connection.send(ok("second")));
  for (let i = 0; i < 4; i++) assert.equal((await ask(ports.device, get("/pair/x"))).body.toString(), "second");
  assert.deepEqual(await readyLines(), ALL_WELL);
});

test("an upstream is down while tries fail, and up with the first that does not", async () => {
  assert.equal((await ask(ports.device, get("/late/x"))).status, 502);
  await blackHole(ports.blackHole);
  assert.equal((await ask(ports.device, get("/hole/x"))).status, 504);
  const lines = await readyLines();
  assert.deepEqual(lines.slice(0, 3), ALL_WELL.slice(0, 3));
  assert.match(lines[3]!, /^\[-\]upstream late: no connection to its endpoint, last tried [0-5] s ago$/);
  assert.match(lines[4]!, /^\[-\]upstream hole: no connection to its endpoint, last tried [0-5] s ago$/);
  const json = JSON.parse((await page("/readyz?format=json")).body.toString());
  assert.equal(json.ok, false);
  assert.match(json.checks[3].mistake, /^no connection/);
  // Longer than the pool passes an endpoint over.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.match((await readyLines())[3]!, /^\[-\]upstream late/);
  const late = await origin(ports.nginx);
  late.script((_, connection) => connection.send(ok("late")));
  assert.equal((await ask(ports.device, get("/late/x"))).status, 200);
  assert.equal((await readyLines())[3], ALL_WELL[3]);
});

test("without another try it is up again by itself, and not before", async () => {
  const triedMs = performance.now();
  assert.equal((await ask(ports.device, get("/hole/x"))).status, 502);
  const failedMs = performance.now();
  for (;;) {
    // Between these two it was asked, however late this process is.
    const least = performance.now() - failedMs;
    const line = (await readyLines())[4]!;
    const most = performance.now() - triedMs;
    if (line === ALL_WELL[4]) {
      assert.ok(most > KNOWN_MS - 10 * TICK_MS, `after ${most} ms already`);
      return;
    }
    const shown = Number(/last tried (\d+) s ago$/.exec(line)?.[1]) * 1000;
    assert.ok(shown > least - 1500 && shown < most + 1500, `${line} after ${least} to ${most} ms`);
    assert.ok(least < KNOWN_MS + 10 * TICK_MS, line);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
});

test("a drain shows: not ready, alive, until the last answer has gone", async () => {
  let answer = (): void => {};
  api.script(async (_, connection) => {
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    await connection.send(ok("late answer"));
  });
  const client = await Client.open(ports.device);
  client.send(get("/api/slow"));
  while (api.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  device.child.kill("SIGTERM");
  await device.says(/draining/);
  assert.equal((await readyLines())[0], "[-]listeners: draining, 1 in flight");
  assert.equal((await page("/livez")).status, 200);
  await assert.rejects(Client.open(ports.device), /ECONNREFUSED/);
  answer();
  assert.equal((await client.answer()).body.toString(), "late answer");
  assert.equal((await device.exited).code, 0);
});
