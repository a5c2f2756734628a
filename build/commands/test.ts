/** `hardwire test`: runs the `tests` of a routes file, against the generated code or by a built executable itself. */
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import type { Command } from "commander";
import { check, type Design, failuresOf, testRoutes } from "../compile.ts";
import { renderDiagnostics } from "../diagnostics.ts";
import type { PlannedTest } from "../plan.ts";
import { checkData } from "../report.ts";
import type { TestResult } from "../route-tests.ts";
import { complain, complainAll, EXIT, need, print, toJson } from "./terminal.ts";

interface Options {
  readonly target?: string;
  readonly binary?: string;
  readonly json?: true;
}

const HELP = `
Tests stand in the routes file; what is left out of "expect" may be anything:

  tests:
    - { request: "POST gw.local/v1/files", expect: { route: upload, upstream: api } }
    - { request: "PUT gw.local/v1/files", expect: { status: 405, allow: [POST] } }
    - request: "GET gw.local/plc/tags?full=1"
      headers: { Accept: application/json }
      expect: { path: /tags?full=1, request_headers: { X-Real-IP: 127.0.0.1, Forwarded: null } }

Every build runs them, too, and refuses to go on where one fails. With --binary an executable that was built from
this file runs them itself, with requests through a socket; on the device FILE --self-test does the same.

Exit codes: 0 all pass, 1 some fail, 65 there are none or the file has mistakes, 69 FILE cannot be run here`;

export function addTest(program: Command): void {
  program
    .command("test")
    .description("run the tests of the routes file against the generated code, or by an executable")
    .argument("<routes>", "routes file, YAML or JSON")
    .option("--target <file>", "target file, YAML or JSON (needed)")
    .option("--binary <file>", "an executable built from this routes file, to run them in it")
    .option("--json", "print the result as JSON")
    .addHelpText("after", HELP)
    .action(async (routes: string, options: Options, command: Command) => {
      process.exitCode = await run(routes, need(command, options, "target"), options);
    });
}

async function run(routes: string, target: string, { binary, json }: Options): Promise<number> {
  const { diagnostics, design } = await check(routes, target);
  if (design === undefined) {
    if (json) print(toJson(checkData(design, diagnostics)));
    else complainAll(diagnostics);
    return EXIT.badInput;
  }
  if (design.plan.tests.length === 0) {
    complain(`${routes}: there are no tests; hardwire test --help shows how to write them`);
    return EXIT.badInput;
  }
  const results = binary === undefined ? await testRoutes(design) : await testInside(binary, design.plan.tests);
  const failures = failuresOf(design, results);
  const by = binary ?? "the generated code";
  if (json) print(toJson(testData(design, by, results)));
  else {
    if (failures.length > 0) complain(renderDiagnostics(failures));
    print(`${renderTests(design, by, results)}\n`);
  }
  return failures.length > 0 ? EXIT.differ : EXIT.ok;
}

function renderTests({ plan }: Design, by: string, results: readonly TestResult[]): string {
  const failed = results.filter(({ failures }) => failures.length > 0);
  const passed = failed.length === 0 ? `${results.length}` : `${results.length - failed.length} of ${results.length}`;
  const title = `${plan.name} for ${plan.target}: ${passed} tests pass, by ${by}`;
  const rows = failed.map(({ test, outcome }) => [test.source, requestOf(test), outcome] as const);
  const widths = [0, 1].map((column) => Math.max(0, ...rows.map((row) => row[column]!.length)));
  return [
    title,
    ...rows.map(([source, request, outcome]) => {
      return `  FAILED  ${source.padEnd(widths[0]!)}  ${request.padEnd(widths[1]!)}  ${outcome}`;
    }),
  ].join("\n");
}

function testData({ plan }: Design, by: string, results: readonly TestResult[]) {
  return {
    ok: results.every(({ failures }) => failures.length === 0),
    name: plan.name,
    target: plan.target,
    by,
    tests: results.map(({ test, outcome, failures }) => ({
      place: test.source,
      request: requestOf(test),
      outcome,
      failures: failures.map(({ path, message }) => ({ path: ["expect", ...path].join("."), message })),
    })),
  };
}

function requestOf({ method, host, target }: PlannedTest): string {
  return `${method} ${host}${target}`;
}

/** The executable cannot be asked; `exitCode` from sysexits.h. */
class BinaryError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Longest that an executable may take for all its tests. */
const BINARY_MS = 60_000;

/** @throws BinaryError if it cannot be run, or was built with other tests */
async function testInside(binary: string, tests: readonly PlannedTest[]): Promise<TestResult[]> {
  const said = await new Promise<string>((done, fail) => {
    const options = { env: {}, timeout: BINARY_MS, maxBuffer: 1 << 30 };
    execFile(resolve(binary), ["--self-test", "--json"], options, (error, stdout, stderr) => {
      // 1 says that some failed.
      if (error === null || error.code === EXIT.differ) done(stdout);
      else if (error.code === EXIT.usage)
        fail(new BinaryError(`${binary} was built without tests; build it again`, 65));
      else fail(new BinaryError(`${binary} cannot be run here: ${stderr.trim() || error.message}`, 69));
    });
  });
  const own = readReport(binary, said);
  const same = own.length === tests.length && own.every((test, at) => keyOf(test) === keyOf(tests[at]!));
  if (!same) throw new BinaryError(`${binary} was built with other tests; build it again`, 65);
  return own.map(({ outcome, failures }, at) => ({ test: tests[at]!, outcome, failures }));
}

type Reported = PlannedTest & Pick<TestResult, "outcome" | "failures">;

function readReport(binary: string, said: string): readonly Reported[] {
  try {
    return (JSON.parse(said) as { tests: Reported[] }).tests;
  } catch {
    throw new BinaryError(`${binary} is no gateway with tests`, 65);
  }
}

/** What makes two tests the same; their lines do not. */
function keyOf({ listener, method, host, target, fields, expect }: PlannedTest): string {
  return JSON.stringify([listener, method, host, target, fields, expect]);
}
