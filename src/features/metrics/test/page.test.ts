/** The page: what is in it, how it is written, and how the admin listener gives it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import type { ProgramView } from "../../../../build/feature.ts";
import { ask, Client, device, fieldOf, get, head, ok, origin, ports } from "../../../../test/harness.ts";
import { pageBytes, seriesCount } from "../series.ts";
import { BUCKETS_MS, ROUTES, TARGET } from "./gateway.ts";
import {
  ACCEPT_OPEN,
  askPage,
  descriptionsOf,
  lint,
  named,
  readOpenMetrics,
  scrape,
  seriesOf,
  skipWithoutPromtool,
} from "./scrape.ts";

/** Requests on each connection. */
const UNREAD = 1000;

const README = readFileSync(join(import.meta.dirname, "..", "README.md"), "utf8");
const api = await origin(ports.origin);
const gateway = await device(ROUTES, TARGET);

before(async () => {
  api.script((_, connection) => connection.send(ok("x".repeat(100))));
  for (const path of ["/api/a", "/ping", "/dead", "/nowhere"]) await ask(ports.device, get(path));
});

test("the README's table has every metric, its type, its labels and what it says of itself", async () => {
  const rows = [...README.matchAll(/^\| `(\w+)` +\| (\w+) +\| ([\w ]*?) +\| (.*?) +\|$/gm)];
  const said = rows.map(([, name, type, labels, help]) => ({ name, type, help, labels: labels!.trim() }));
  assert.deepEqual(descriptionsOf(await scrape()), said);
});

test("promtool finds nothing to complain about", { skip: skipWithoutPromtool }, async () => {
  assert.equal(lint(await scrape()), "");
  assert.match(lint("# HELP x A.\n# TYPE x counter\nx 1\n"), /counter metrics should have "_total" suffix/);
});

test("OpenMetrics: for who asks, with the same series, read by Prometheus' own parser", {
  skip: skipWithoutPromtool,
}, async () => {
  const answer = await askPage(ACCEPT_OPEN);
  assert.equal(fieldOf(answer, "content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
  const text = answer.body.toString();
  assert.ok(text.endsWith("\n# EOF\n"));
  const own = [...seriesOf(text)].map(([series, value]) => [named(...split(series)), value] as const);
  assert.deepEqual(readOpenMetrics(text), new Map(own.sort(([a], [b]) => (a < b ? -1 : 1))));
  assert.throws(() => readOpenMetrics(text.replace("# EOF\n", "")), /EOF/);
  assert.deepEqual([...seriesOf(text).keys()], [...seriesOf(await scrape()).keys()]);
  assert.match(text, /^# TYPE http_requests counter$/m);
  assert.match(text, /^# TYPE hardwire_build info\nhardwire_build_info\{/m);
});

for (const [accept, open] of [
  ["", false],
  ["*/*", false],
  ["text/plain", false],
  ["text/html, application/xhtml+xml, */*;q=0.8", false],
  ["application/openmetrics-text", true],
  ["Application/OpenMetrics-Text; version=1.0.0; charset=utf-8", true],
  ["application/openmetrics-text;q=0.5,text/plain;q=0.9", false],
  ["text/plain;q=0.3, application/openmetrics-text;version=1.0.0;q=0.4", true],
  ["application/openmetrics-text;q=0", false],
  ["application/openmetrics-text-of-mine", false],
] as const) {
  test(`asked with Accept "${accept}" it gives ${open ? "OpenMetrics" : "Prometheus' format"}`, async () => {
    const answer = await askPage(...(accept === "" ? [] : [`Accept: ${accept}`]));
    const type = open ? "application/openmetrics-text; version=1.0.0" : "text/plain; version=0.0.4";
    assert.equal(fieldOf(answer, "content-type"), `${type}; charset=utf-8`);
    assert.equal(answer.body.toString().endsWith("# EOF\n"), open);
  });
}

test("there are as many series as the build says, and no text can be longer than it says", async () => {
  const program = {
    routes: ROUTES.routes,
    upstreams: Object.keys(ROUTES.upstreams).map((name) => ({ name })),
  } as unknown as ProgramView;
  const text = await scrape();
  const values = text.split("\n").filter((line) => /^[^#]/.test(line));
  assert.equal(values.length, seriesCount(program, BUCKETS_MS.length));
  assert.equal(seriesOf(text).size, values.length, "no series twice");
  const longest = text.replaceAll(/ [\d.e+-]+$/gm, ` ${"9".repeat(24)}`);
  assert.ok(longest.length <= pageBytes(program, BUCKETS_MS.length), `${longest.length}`);
});

test("it says what was built", async () => {
  const info = [...seriesOf(await scrape()).keys()].find((series) => series.startsWith("hardwire_build_info"))!;
  const labels = Object.fromEntries([...info.matchAll(/(\w+)="(.*?)"/g)].map(([, label, value]) => [label, value]));
  const { name, version, target, build, config_sha256: config } = labels;
  const { version: own } = JSON.parse(readFileSync(join(import.meta.dirname, "../../../../package.json"), "utf8"));
  assert.deepEqual([name, version, target], [ROUTES.name, own, `linux-${process.arch}`]);
  assert.match(build!, /^[0-9a-f]{12}$/);
  assert.match(config!, /^[0-9a-f]{64}$/);
});

test("the process's figures are plausible, and its start does not wander", async () => {
  const first = seriesOf(await scrape());
  const second = seriesOf(await scrape());
  const start = first.get("process_start_time_seconds")!;
  assert.ok(start <= Date.now() / 1000 && start > Date.now() / 1000 - 300, `${start}`);
  assert.equal(second.get("process_start_time_seconds"), start);
  const [used, limit] = ["used", "limit"].map((what) => first.get(`nodejs_heap_size_${what}_bytes`)!);
  assert.ok(used! > 1e6 && used! < limit!, `${used} of ${limit}`);
  const [anonymous, all] = ["private", "resident"].map((what) => first.get(`process_${what}_memory_bytes`)!);
  assert.ok(anonymous! > 1e6 && anonymous! < all!, `${anonymous} of ${all}`);
  assert.ok(second.get("process_cpu_seconds_total")! > 0);
});

test("collections of garbage are told", async () => {
  const count = async () => seriesOf(await scrape()).get('nodejs_gc_duration_seconds_count{kind="minor"}')!;
  const first = await count();
  // A young generation is 1 MiB, of which each scrape takes some.
  for (let i = 0; i < 500 && (await count()) === first; i++);
  assert.ok((await count()) > first);
});

test("HEAD is the head alone; other methods and other pages are refused", async () => {
  const answer = await ask(ports.admin, head("HEAD /metrics"));
  assert.equal(answer.status, 200);
  assert.ok(Number(fieldOf(answer, "content-length")) > 1000);
  const posted = await ask(ports.admin, head("POST /metrics", "Content-Length: 0"));
  assert.equal(posted.status, 405);
  assert.equal(fieldOf(posted, "allow"), "GET, HEAD");
  const elsewhere = await ask(ports.admin, get("/"));
  assert.equal(elsewhere.status, 404);
  assert.match(elsewhere.body.toString(), /there are: \/metrics/);
  assert.equal((await ask(ports.device, get("/metrics"))).status, 404, "not among the routes");
});

test("a ninth connection to the admin listener is closed, and the clients' are not touched", async () => {
  const eight = await Promise.all(Array.from({ length: 8 }, () => Client.open(ports.admin)));
  for (const client of eight) assert.equal((await client.send(get("/metrics")).answer()).status, 200);
  const ninth = await Client.open(ports.admin);
  const { rest } = await ninth.send(get("/metrics")).ended();
  assert.equal(rest.length, 0);
  assert.equal((await ask(ports.device, get("/ping"))).status, 200);
  for (const client of eight) client.close();
  ninth.close();
});

test("scrapers that ask a thousand times and never read take no memory by it", async () => {
  const pages = (await scrape()).length * 8 * UNREAD;
  const eight = await Promise.all(Array.from({ length: 8 }, () => Client.open(ports.admin)));
  const before = gateway.privateBytes();
  for (const client of eight) client.socket.pause();
  let most = 0;
  for (let i = 0; i < UNREAD; i += 50) {
    for (const client of eight) client.send(get("/metrics").repeat(50));
    assert.equal((await ask(ports.device, get("/ping"))).status, 200);
    most = Math.max(most, gateway.privateBytes() - before);
  }
  for (const client of eight) client.reset();
  assert.ok(most < 16 << 20, `${most} of ${pages} bytes asked for`);
  assert.ok(pages > 64 << 20);
});

function split(series: string): [name: string, labels: string] {
  const [, name = "", labels = ""] = /^(\w+)(?:\{(.*)\})?$/.exec(series)!;
  return [name, labels];
}
