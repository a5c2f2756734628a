/**
 * Line coverage of the device program by all suites together (make coverage). The packed executables themselves are
 * measured, not stand-ins for them: V8 writes what ran when NODE_V8_COVERAGE is set, which Node hands on to every
 * child, and the same bundle made once more with a source map tells which lines that was. A line counts as soon as some
 * of it ran in some process; lines that no build has code for (types, comments, folded constants) do not count.
 */
import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundleOptions } from "../build/bundle.ts";
import { type CodeOrigin, decodeMap, startsOfLines } from "./harness/source-map.ts";

const REPOSITORY = join(import.meta.dirname, "..");
const SUITES = "{src,test}/**/*.test.ts";
const CORE_LINES_MIN = 0.95;

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}
interface Script {
  readonly url: string;
  readonly functions: readonly { readonly functionName: string; readonly ranges: readonly Range[] }[];
}
interface Mapped {
  readonly code: string;
  readonly origins: readonly CodeOrigin[];
}

/** By file, each line from 1 that has code, and whether it ran. */
const lines = new Map<string, Map<number, boolean>>();

function count(file: string, line: number, ran: boolean): void {
  const known = lines.get(file) ?? new Map<number, boolean>();
  lines.set(file, known);
  known.set(line + 1, ran || known.get(line + 1) === true);
}

async function bundleWithMap(generated: string): Promise<Mapped> {
  const features = readdirSync(join(REPOSITORY, "src/features")).map((name) => ({
    name,
    folder: `src/features/${name}`,
  }));
  const options = bundleOptions({ repository: REPOSITORY, generated, features });
  const { outputFiles } = await build({ ...options, sourcemap: "external", write: false });
  const text = (end: string): string => outputFiles.find(({ path }) => path.endsWith(end))!.text;
  const code = text(".cjs");
  const origins = decodeMap(JSON.parse(text(".map")), startsOfLines(code));
  return { code, origins: origins.filter(({ file }) => file.startsWith("src/")) };
}

/** For each offset how often it ran: the innermost range says. */
function countsOf(script: Script): Int32Array {
  const ranges = script.functions.flatMap((each) => each.ranges);
  const counts = new Int32Array(Math.max(...ranges.map(({ endOffset }) => endOffset)));
  ranges.sort((a, b) => b.endOffset - b.startOffset - (a.endOffset - a.startOffset));
  for (const { startOffset, endOffset, count } of ranges) counts.fill(count, startOffset, endOffset);
  return counts;
}

/** All executables call their program by one name; which one it was shows in where its functions are. */
function isScriptOf({ code }: Mapped, { functions }: Script): boolean {
  if (functions[0]!.ranges[0]!.endOffset !== code.length) return false;
  const declared = functions.filter(({ ranges }) => code.startsWith("function ", ranges[0]!.startOffset));
  const isSame = declared.every(({ functionName: name, ranges }) =>
    code.startsWith(`function ${name}(`, ranges[0]!.startOffset),
  );
  return isSame && declared.length > functions.length / 4;
}

// Not in /tmp, which some tests take away from the executables.
mkdirSync(join(REPOSITORY, "out"), { recursive: true });
const folder = mkdtempSync(join(REPOSITORY, "out/coverage-"));
try {
  const raw = join(folder, "raw");
  const run = join(folder, "run");
  mkdirSync(run);
  const args = ["--test", "--test-concurrency=1", "--test-timeout=900000", "--test-reporter=dot"];
  const env = { ...process.env, NODE_V8_COVERAGE: raw, HARDWIRE_TEST_FOLDER: run };
  const patterns = process.argv.length > 2 ? process.argv.slice(2) : [SUITES];
  const tests = spawnSync(process.execPath, [...args, ...patterns], { cwd: REPOSITORY, env, stdio: "inherit" });

  const standIn = await bundleWithMap(join(REPOSITORY, "src/generated"));
  const builds = await Promise.all(globSync(join(run, "*/*.generated")).map(bundleWithMap));
  for (const { origins } of [standIn, ...builds]) for (const { file, line } of origins) count(file, line, false);

  const seen = { programs: 0, unknown: 0 };
  for (const name of readdirSync(raw)) {
    const { result } = JSON.parse(readFileSync(join(raw, name), "utf8")) as { result: Script[] };
    for (const script of result) {
      if (script.url.startsWith("file:") && !relative(REPOSITORY, fileURLToPath(script.url)).startsWith("src/"))
        continue;
      if (script.url.startsWith("file:")) {
        const file = relative(REPOSITORY, fileURLToPath(script.url));
        const starts = startsOfLines(readFileSync(join(REPOSITORY, file), "utf8"));
        const counts = countsOf(script);
        for (const { file: from, line, column } of standIn.origins) {
          if (from === file) count(file, line, counts[starts[line]! + column]! > 0);
        }
      } else if (script.url.endsWith("gateway.cjs")) {
        const found = builds.find((mapped) => isScriptOf(mapped, script));
        seen[found === undefined ? "unknown" : "programs"] += 1;
        const counts = countsOf(script);
        for (const { offset, file, line } of found?.origins ?? []) count(file, line, counts[offset]! > 0);
      }
    }
  }

  let [core, coreRan] = [0, 0];
  for (const [file, known] of [...lines].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const text = readFileSync(join(REPOSITORY, file), "utf8").split("\n");
    // A line of brackets says nothing.
    for (const line of known.keys()) if (!/\w/.test(text[line - 1]!)) known.delete(line);
    const missed = [...known].filter(([, ran]) => !ran).map(([line]) => line);
    const share = (1 - missed.length / known.size) * 100;
    console.log(`${share.toFixed(1).padStart(6)} %  ${file}  ${missed.sort((a, b) => a - b).join(" ")}`);
    if (dirname(file) !== "src/core") continue;
    core += known.size;
    coreRan += known.size - missed.length;
  }
  const total = `src/core: ${coreRan} of ${core} lines, ${((coreRan / core) * 100).toFixed(1)} %`;
  console.log(
    `${total}; ${seen.programs} runs of executables, ${seen.unknown} left out: built elsewhere, or from sources that have changed since`,
  );
  if (tests.status !== 0) console.log(`the tests ended with ${tests.status ?? tests.signal}: lines may be missing`);
  process.exitCode = tests.status !== 0 || coreRan < core * CORE_LINES_MIN ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
