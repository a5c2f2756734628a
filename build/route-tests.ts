/**
 * Runs the `tests` of a routes file against the code that was generated for it: the core's way of a request, bundled
 * with the generated modules as they go into the executable, asked with requests that are values instead of sockets.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { type BundleInput, bundleOptions } from "./bundle.ts";
import type { PlannedTest } from "./plan.ts";

export interface TestResult {
  readonly test: PlannedTest;
  /** In words: which route took the request and what became of it. */
  readonly outcome: string;
  /** None if the test passed. */
  readonly failures: readonly TestFailure[];
}

export interface TestFailure {
  /** Below `expect`. */
  readonly path: readonly string[];
  readonly message: string;
}

/** What the bundle below exports, from src/core, which the compiler does not import. */
interface Program {
  probe(request: object, listener: number): object;
  judge(test: PlannedTest, outcome: object): TestFailure[];
  describe(outcome: object): string;
}

/** @param work a folder for the program that is made */
export async function runRouteTests(
  input: BundleInput,
  tests: readonly PlannedTest[],
  work: string,
): Promise<TestResult[]> {
  if (tests.length === 0) return [];
  const program = await loadProgram(input, work);
  return tests.map((test) => {
    const outcome = program.probe(new WrittenRequest(test), test.listener);
    return { test, outcome: program.describe(outcome), failures: program.judge(test, outcome) };
  });
}

let loaded = 0;

async function loadProgram(input: BundleInput, work: string): Promise<Program> {
  const { entryPoints: _, outfile: __, ...options } = bundleOptions(input);
  const contents = 'export { probe } from "#core/probe.ts"; export { describe, judge } from "#core/route-test.ts";';
  const made = await build({
    ...options,
    stdin: { contents, resolveDir: input.repository, loader: "ts" },
    format: "esm",
    write: false,
  });
  // Node loads a file once for each name.
  const file = join(work, `route-tests-${++loaded}.mjs`);
  await writeFile(file, made.outputFiles[0]!.contents);
  return (await import(pathToFileURL(file).href)) as Program;
}

/** A test's request, with what uWebSockets.js has to say about one. */
class WrittenRequest {
  readonly #test: PlannedTest;
  readonly #path: string;
  readonly #query: string | undefined;
  readonly #fields: readonly (readonly [name: string, value: string])[];

  constructor(test: PlannedTest) {
    const at = test.target.indexOf("?");
    this.#test = test;
    this.#path = at === -1 ? test.target : test.target.slice(0, at);
    this.#query = at === -1 ? undefined : test.target.slice(at + 1);
    this.#fields = [["host", test.host], ...test.fields.map(([name, value]) => [name.toLowerCase(), value] as const)];
  }

  getCaseSensitiveMethod(): string {
    return this.#test.method;
  }
  getUrl(): string {
    return this.#path;
  }
  getQuery(): string | undefined {
    return this.#query;
  }
  getHeader(wanted: string): string {
    return this.#fields.find(([name]) => name === wanted)?.[1] ?? "";
  }
  forEach(visit: (name: string, value: string) => void): void {
    for (const [name, value] of this.#fields) visit(name, value);
  }
}
