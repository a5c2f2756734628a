/** `hardwire explain` through the command line: its words on one plan, and that its sums are sums. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const CLI = join(import.meta.dirname, "../build/cli.ts");
const folder = mkdtempSync(join(tmpdir(), "hardwire-explain-"));
after(() => rmSync(folder, { recursive: true }));

const ROUTES = `version: 1
name: plant
defaults: { hosts: [gw], timeouts: { connect: 1s, queue: 500ms, response_header: 5s, request: 20s, idle: 3s } }
upstreams:
  pair: { endpoints: [{ url: "http://127.0.0.1:1" }, { url: "http://127.0.0.1:2" }], connections: { max: 4 } }
  quick: { endpoints: [{ url: "unix:/run/a" }], pipelining: 4, connections: { max: 64 } }
routes:
  - { name: read, match: { path: /r, methods: [GET] }, upstream: pair }
  - { name: list, match: { path: /l, methods: [GET] }, upstream: pair }
  - { name: write, match: { path: /w, methods: [POST] }, upstream: pair }
  - { name: brief, match: { path: /b, methods: [PUT] }, upstream: pair, timeouts: { request: 8s } }
  - { name: quick, match: { path: /q }, upstream: quick }
  - { name: ping, match: { path: /p }, respond: { status: 204 } }
`;
const TARGET = `target: linux-x64
listeners: { public: { address: "127.0.0.1:8080" } }
limits: { connections: 100, in_flight: 64, descriptors: 300 }
memory: { budget: 96MiB }
`;

function explain(...more: string[]) {
  writeFileSync(join(folder, "routes.yaml"), ROUTES);
  writeFileSync(join(folder, "target.yaml"), TARGET);
  const args = [CLI, "explain", "routes.yaml", "--target", "target.yaml", ...more];
  return spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
}

const WAITS = `How long a client can wait, at worst
  read, list → pair
    13.5s to the answer's head; add the time that a request's body takes
      5.5s  queue 500ms + response_header 5s; then the upstream closes a kept connection without a byte, and it is sent once more
      1.5s  1 × (queue 500ms + connect 1s), to the other endpoints
      1.5s  queue 500ms + connect 1s
      5s    response_header 5s
    20s to the end of the answer (request), with no pause over 3s (idle)
  write → pair
    8s to the answer's head; add the time that a request's body takes
      1.5s  1 × (queue 500ms + connect 1s), to the other endpoints
      1.5s  queue 500ms + connect 1s
      5s    response_header 5s
    20s to the end of the answer (request), with no pause over 3s (idle)
  brief → pair
    8s to the answer's head (the request timeout; without it 13.5s); add the time that a request's body takes
      5.5s  queue 500ms + response_header 5s; then the upstream closes a kept connection without a byte, and it is sent once more
      1.5s  1 × (queue 500ms + connect 1s), to the other endpoints
      1.5s  queue 500ms + connect 1s
      5s    response_header 5s
    8s to the end of the answer (request), with no pause over 3s (idle)
  quick → quick
    20s to the answer's head (the request timeout; without it 26s); add the time that a request's body takes
      5s   response_header 5s; then the upstream closes a kept connection without a byte, and it is sent once more
      1s   connect 1s
      15s  3 × response_header 5s, for the requests ahead, without their answers' bodies
      5s   response_header 5s
    20s to the end of the answer (request), with no pause over 3s (idle)
  ping: answered by the gateway itself

What limits what
  limits.connections           100  a further client is closed at once
  limits.in_flight             64   a further request gets 503 (overloaded)
  body windows                 128  of limits.in_flight, 64, two each and 256 at most; a further body that has to wait is cut, or gets 503
  upstreams.pair.connections   8    then 32 may wait, and a further request gets 503 (upstream_busy)
  upstreams.quick.connections  64   64 connections of 4 requests that may share one; limits.in_flight, 64, is reached first, so nobody ever waits for one
`;

test("waits and limits, word for word", () => {
  const { status, stdout, stderr } = explain();
  assert.equal(stderr, "");
  assert.equal(status, 0);
  const from = stdout.indexOf("How long");
  assert.equal(stdout.slice(from, from + WAITS.length), WAITS);
  assert.match(stdout, /\nMemory at most: [\d.]+ MiB of 96 MiB, [\d.]+ MiB to spare\n/);
  assert.match(stdout, /\nFile descriptors at most: 198 of 300, 102 to spare\n/);
});

test("--json: sums are the sums of their terms, largest first, each with its formula", () => {
  const { memory, descriptors, routes } = JSON.parse(explain("--json").stdout);
  for (const { terms, total } of [memory, descriptors]) {
    const amounts: number[] = terms.map(({ amount }: { amount: number }) => amount);
    assert.equal(
      amounts.reduce((sum, amount) => sum + amount, 0),
      total,
    );
    assert.deepEqual(
      amounts,
      [...amounts].sort((a, b) => b - a),
    );
    for (const { name, amount, formula } of terms) {
      assert.ok(name !== "" && formula !== "" && Number.isInteger(amount) && amount > 0, name);
    }
  }
  assert.equal(memory.limit, 96 << 20);
  for (const { name, latency } of routes) {
    if (name === "ping") assert.equal(latency, null);
    else {
      const sum = latency.steps.reduce((total: number, { ms }: { ms: number }) => total + ms, 0);
      assert.equal(latency.headMs, Math.min(sum, latency.requestMs), name);
    }
  }
});

test("a budget of just the sum is enough, one byte less is not; so with descriptors", () => {
  const { descriptors } = JSON.parse(explain("--json").stdout);
  const check = (bytes: number, files: number) => {
    const target = TARGET.replace("96MiB", `${bytes}B`).replace("descriptors: 300", `descriptors: ${files}`);
    writeFileSync(join(folder, "tight.yaml"), target);
    const args = [CLI, "check", "routes.yaml", "--target", "tight.yaml"];
    return spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
  };
  // Reads get smaller where the budget is tight (build/budget/fit.ts), so the least sum is the one that is refused.
  const total = Number(/the sum is (\d+) bytes/.exec(check(1, descriptors.total).stderr)![1]);
  const exact = check(total, descriptors.total);
  assert.deepEqual([exact.status, exact.stderr], [0, ""]);
  const { status, stderr } = check(total - 1, descriptors.total - 1);
  assert.equal(status, 65);
  assert.match(stderr, /HW1408 {2}memory\.budget: the sum is \d+ bytes, 1 more than \d+: .*; lower limits\./);
  assert.match(stderr, /HW1409 {2}limits\.descriptors: the sum is \d+ descriptors, 1 more than \d+: /);
});

test("a mistake is reported as by check", () => {
  const { status, stdout } = spawnSync(process.execPath, [CLI, "explain", "none.yaml", "--target", "t.yaml"], {
    cwd: folder,
    encoding: "utf8",
  });
  assert.deepEqual([status, stdout], [66, ""]);
});
