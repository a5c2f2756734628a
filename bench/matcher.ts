/**
 * What a match costs, and what many routes cost to emit and load: `node bench/matcher.ts`. Figures in the matcher's
 * thresholds (build/emit/matcher.ts) come from here.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type CodeMax, emitMatcher } from "../build/emit/matcher.ts";
import { Text } from "../build/emit/text.ts";
import { planOf } from "../test/plans.ts";

const PATHS: Readonly<Record<string, (i: number) => [pattern: string, request: string]>> = {
  exact: (i) => [`/v1/sensors/area-${i % 97}/unit-${i}`, `/v1/sensors/area-${i % 97}/unit-${i}`],
  template: (i) => [`/v1/area-${i}/{id}/state`, `/v1/area-${i}/4711/state`],
  prefix: (i) => [`/v1/area-${i}/*`, `/v1/area-${i}/4711/state`],
  mixed: (i) => PATHS[["exact", "template", "prefix"][i % 3]!]!(i),
};
const CODE: CodeMax = { exact: 1e9, tree: 1e9 };
const TABLES: CodeMax = { exact: 0, tree: 0 };

const NO_FIELDS = { getHeader: () => "" };

const dir = mkdtempSync(join(tmpdir(), "hardwire-bench-"));
console.log("routes kind      form    emit ms  source kB  load ms  ns per match");
for (const kind of Object.keys(PATHS)) {
  for (const [count, forms] of [
    [10, ["chosen", "code", "tables"]],
    [24, ["code", "tables"]],
    [100, ["code", "tables"]],
    [10_000, ["chosen"]],
  ] as const) {
    for (const form of forms) await measure(kind, count, form);
  }
}
rmSync(dir, { recursive: true });

async function measure(kind: string, count: number, form: string): Promise<void> {
  const pairs = Array.from({ length: count }, (_, i) => PATHS[kind]!(i));
  const plan = planOf(pairs.map(([path]) => ({ path, methods: ["GET"] })));
  const emitting = performance.now();
  const out = new Text();
  emitMatcher(out, plan, form === "code" ? CODE : form === "tables" ? TABLES : undefined);
  const source = out.toString();
  const emitMs = performance.now() - emitting;
  const file = join(dir, `${kind}-${count}-${form}.mjs`);
  writeFileSync(file, stripTypeScriptTypes(source));
  const loading = performance.now();
  const { match } = (await import(pathToFileURL(file).href)) as typeof import("../src/generated/matcher.ts");
  const loadMs = performance.now() - loading;

  // Requests come as fresh strings, as from the network: no string is the one in the code, and none has its hash.
  const wire = Buffer.from(Array.from({ length: 4096 }, (_, i) => pairs[(i * 31) % count]![1].padEnd(64)).join(""));
  const path = (i: number) =>
    wire.latin1Slice((i & 4095) * 64, (i & 4095) * 64 + pairs[((i & 4095) * 31) % count]![1].length);
  const rounds = 400_000;
  const run = (work: (path: string) => number) => {
    let best = Number.POSITIVE_INFINITY;
    for (let repeat = 0; repeat < 5; repeat++) {
      const start = performance.now();
      for (let i = 0; i < rounds; i++) if (work(path(i)) < 0) throw new Error(`no match for ${path(i)}`);
      best = Math.min(best, performance.now() - start);
    }
    return (best / rounds) * 1e6;
  };
  const ns = run((text) => match(0, "", 1, text, "", NO_FIELDS)) - run((text) => text.length);
  const cells = [String(count).padStart(6), kind.padEnd(9), form.padEnd(7), emitMs.toFixed(1).padStart(7)];
  console.log(
    cells.join(" "),
    (source.length / 1000).toFixed(0).padStart(10),
    loadMs.toFixed(1).padStart(8),
    ns.toFixed(0).padStart(8),
  );
}
