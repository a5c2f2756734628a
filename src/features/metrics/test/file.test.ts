/** The file for node_exporter, and a page on a unix socket: one program without an admin listener on TCP. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, unlinkSync, watch, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { until } from "../../../../test/harness/held.ts";
import { ask, atEnd, Device, get, hostTarget, pack, ports, runFolder } from "../../../../test/harness.ts";
import { ROUTES } from "./gateway.ts";
import { lint, seriesOf, skipWithoutPromtool } from "./scrape.ts";

const folder = join(runFolder(), "metrics");
const file = join(folder, "counted.prom");
const socketPath = join(folder, "admin.sock");
mkdirSync(folder);

/** Between two files, of which there is one a second. */
const WINDOW_MS = 700;
const WINDOWS = 5;
const WINDOWS_MS_MAX = 30_000;

const metrics = { listener: "admin", textfile: { path: file, interval: "1s" } };
const listeners = { public: { address: `127.0.0.1:${ports.device}` }, admin: { address: `unix:${socketPath}` } };
const program = await pack({ ...ROUTES, observability: { metrics } }, hostTarget({ listeners }));

/** Somebody's file, where the socket should be. */
writeFileSync(socketPath, "precious");
const refused = new Device(program);
const late = setTimeout(() => refused.child.kill("SIGKILL"), 10_000);
const { code: refusedCode } = await refused.exited;
clearTimeout(late);
const left = readFileSync(socketPath, "utf8");
unlinkSync(socketPath);

/** As in the unit that a build generates. */
const device = new Device("/bin/sh", { args: ["-c", 'umask 077; exec "$0"', program] });
atEnd(async () => {
  device.child.kill("SIGTERM");
  assert.equal((await device.exited).code, 0);
});
await device.says(/: listening on /);

const read = (): string => readFileSync(file, "utf8");
const answers = (): number => seriesOf(read()).get('http_requests_total{route="ping",code="2xx"}') ?? -1;

test("a file that is no socket is not removed for one", () => {
  assert.equal(left, "precious");
  assert.equal(refusedCode, 69);
  assert.match(refused.stderr, /: cannot listen on unix:.*\/admin\.sock .*: the address is in use/);
});

test("the file is there at once, and new with each interval", async () => {
  await until(() => readdirSync(folder).includes("counted.prom"), "the file");
  assert.equal(answers(), 0);
  for (let i = 0; i < 3; i++) await ask(ports.device, get("/ping"));
  await until(() => answers() === 3, "what was counted in the file");
  assert.deepEqual(readdirSync(folder).sort(), ["admin.sock", "counted.prom"], "nothing else is left there");
});

test("promtool finds nothing to complain about in it", { skip: skipWithoutPromtool }, () => {
  assert.equal(lint(read()), "");
});

test("another user may read it, whatever the umask", () => {
  assert.equal(statSync(file).mode & 0o777, 0o644);
});

test("whoever reads it reads all of it", async () => {
  const inodes = new Set<number>();
  const end = performance.now() + 2500;
  while (performance.now() < end) {
    inodes.add(statSync(file).ino);
    assert.match(read(), /^# HELP http_requests_total [\s\S]*\nhardwire_build_info\{.*\} 1\n$/);
    await sleep(1);
  }
  assert.ok(inodes.size >= 2, "it was replaced meanwhile");
});

test("an idle device wakes for it and for nothing else", async () => {
  const thread = `/proc/${device.child.pid}/task/${device.child.pid}`;
  const count = (name: string, what: string): number =>
    Number(new RegExp(`^${what}:\\s+(\\d+)`, "m").exec(readFileSync(`${thread}/${name}`, "utf8"))![1]);
  let begun = 0;
  let replaced = 0;
  const watcher = watch(folder, (_, name) => {
    if (name === "counted.prom") replaced += 1;
    else begun += 1;
  });
  atEnd(() => watcher.close());
  const wakes: number[] = [];
  const reads: number[] = [];
  let last: { reads: number; replaced: number } | undefined;
  const limit = performance.now() + WINDOWS_MS_MAX;
  while (wakes.length < WINDOWS) {
    assert.ok(performance.now() < limit, "never is there a while without a write");
    const written = replaced;
    await until(() => replaced > written, "the next file");
    await sleep(100);
    const before = { begun, wakes: count("status", "voluntary_ctxt_switches"), reads: count("io", "syscr") };
    await sleep(WINDOW_MS);
    const woken = count("status", "voluntary_ctxt_switches") - before.wakes;
    // After what the kernel had to tell by then. This process may have slept for too long.
    await setImmediate();
    if (begun !== before.begun) continue;
    wakes.push(woken);
    if (last !== undefined) reads.push((before.reads - last.reads) / (replaced - last.replaced));
    last = { reads: before.reads, replaced };
  }
  const median = (list: number[]): number => list.sort((a, b) => a - b)[list.length >> 1]!;
  // uWebSockets.js has a clock of a second; that of requests ticks ten times a second or more.
  assert.ok(median(wakes) <= 2, `${wakes} times between two files`);
  // Two files of /proc, one of them in two parts; opened, written, closed, made readable, renamed.
  assert.equal(median(reads), 8, `${reads} a file`);
});

test("a folder that is not there is told once, and one that is back is used again", async () => {
  const away = `${folder}-away`;
  renameSync(folder, away);
  await sleep(2500);
  const complaints = device.stderr.split("\n").filter((line) => line.includes("cannot be written"));
  assert.equal(complaints.length, 1, device.stderr);
  assert.match(complaints[0]!, /^counted: metrics: \/.*\/counted\.prom cannot be written: ENOENT/);
  renameSync(away, folder);
  await ask(ports.device, get("/ping"));
  await until(() => answers() === 4, "the count in the file");
});

/** Through the socket. */
function askAdmin(method: string, path: string): Promise<{ status: number; length: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path }, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (text) => {
        body += text;
      });
      const length = Number(answer.headers["content-length"]);
      answer.on("end", () => resolve({ status: answer.statusCode!, length, body }));
    });
    asked.on("error", reject);
    asked.end();
  });
}

test("the page is on the socket as well", async () => {
  const { status, body } = await askAdmin("GET", "/metrics");
  assert.equal(status, 200);
  assert.equal(seriesOf(body).get('http_requests_total{route="ping",code="2xx"}'), 4);
  assert.deepEqual([...seriesOf(body).keys()], [...seriesOf(read()).keys()]);
  const bare = await askAdmin("HEAD", "/metrics");
  assert.deepEqual([bare.status, bare.body], [200, ""]);
  assert.ok(bare.length > 1000);
  assert.equal((await askAdmin("GET", "/other")).status, 404);
  assert.equal((await askAdmin("DELETE", "/metrics")).status, 405);
});
