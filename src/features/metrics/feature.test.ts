/** metrics at build: what it refuses, what it asks of the program, and how large it says it becomes. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import type { ProgramUse, ProgramView } from "../../../build/feature.ts";
import { ADMIN_CONNECTIONS_MAX } from "../../../build/schema/defaults.ts";
import metrics from "./feature.ts";

function program(routes: number, upstreams = 1): ProgramView {
  return {
    name: "t",
    target: "linux-x64",
    isService: false,
    routes: Array.from({ length: routes }, (_, i) => ({ name: `r${i}`, path: `/${i}`, upstream: "u0" })),
    upstreams: Array.from({ length: upstreams }, (_, i) => ({ name: `u${i}`, endpoints: ["http://127.0.0.1:1"] })),
    listeners: ["public", "admin"],
    exchangesMax: 64,
  };
}

function ask(written: object, view = program(1)): { problems: string[]; use: ProgramUse } {
  const problems: string[] = [];
  metrics.checkProgram!({ metrics: written }, view, (code, path, message) => {
    assert.ok(code in metrics.codes!);
    problems.push(`${code} ${path.join(".")}: ${message}`);
  });
  return { problems, use: metrics.useProgram!({ metrics: written }, view)! };
}

test("what the README shows in full is what leaving it out means, but for the file", () => {
  const readme = readFileSync(join(import.meta.dirname, "README.md"), "utf8");
  const { observability } = parse(/^```yaml in full\n([\s\S]*?)^```$/m.exec(readme)![1]!);
  const { textfile, ...page } = observability.metrics;
  assert.deepEqual(ask(page).use, ask({}).use);
  const { interval: _, ...file } = textfile;
  assert.deepEqual(ask({ textfile }).use, ask({ textfile: file }).use);
});

test("left out, the page is /metrics of the listener admin, and nothing is written", () => {
  const { problems, use } = ask({});
  assert.deepEqual(problems, []);
  const { listener, path, data } = use.pages![0]!;
  assert.deepEqual([use.pages!.length, listener, path], [1, "admin", "/metrics"]);
  assert.deepEqual((data as { bounds: readonly number[] }).bounds, [1, 5, 25, 100, 500, 2500]);
  assert.deepEqual([use.start!.fn, use.writes, use.descriptors], ["start", [], 0]);
});

test("a file stands for the page, unless a listener asks for both", () => {
  const textfile = { path: "/run/t/t.prom" };
  const alone = ask({ textfile }).use;
  assert.deepEqual([alone.pages, alone.writes, alone.descriptors], [[], ["/run/t"], 1]);
  assert.equal((alone.start!.data as { intervalMs: number }).intervalMs, 15_000);
  assert.equal(ask({ textfile, listener: "admin" }).use.pages!.length, 1);
});

test("memory has the counters, the text, and a page for each connection that does not read", () => {
  const bytes = (written: object) => new Map(ask(written).use.tables!.map((table) => [table.name, table.bytes]));
  const page = bytes({});
  assert.equal(page.get("unread pages"), ADMIN_CONNECTIONS_MAX * page.get("text")!);
  assert.equal(page.get("counters"), 2 * 256 + 768);
  const file = bytes({ textfile: { path: "/run/t/t.prom" } });
  assert.equal(file.get("text"), 2 * page.get("text")!);
  assert.equal(file.has("unread pages"), false);
  assert.ok(ask({}).use.tables!.every(({ isInHeap }) => !isInHeap));
});

test("10,000 series are the most, and fewer buckets help", () => {
  // With 6 buckets a route has 16.
  assert.deepEqual(ask({}, program(600)).problems, []);
  const { problems } = ask({}, program(620));
  assert.equal(problems.length, 1);
  assert.match(
    problems[0]!,
    /^HW2502 metrics: 620 routes and 1 upstream with 6 buckets make 10010 series, at most 10000/,
  );
  assert.match(problems[0]!, /each bucket less saves 622 of them$/);
  assert.deepEqual(ask({ buckets: ["10ms", "100ms"] }, program(620)).problems, []);
});
