/** The `hardwire` command line: the only file of the compiler that prints and that knows exit codes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { check } from "./compile.ts";
import { type Diagnostic, renderDiagnostics, renderVerdict } from "./diagnostics.ts";
import { UnreadableInput } from "./load.ts";
import { checkData, renderCheck } from "./report.ts";

/** sysexits.h */
const EXIT = { ok: 0, usage: 64, badInput: 65, missingInput: 66, internal: 70 } as const;

const HELP = `
The smallest gateway, as routes.yaml and target.yaml:

  version: 1                                                  target: linux-x64
  name: hello                                                 listeners:
  upstreams:                                                    public: { address: "127.0.0.1:8080" }
    api: { endpoints: [{ url: "http://127.0.0.1:3000" }] }
  routes:
    - { name: all, match: { path: "/*" }, upstream: api }

Examples:
  hardwire check routes.yaml --target target.yaml             find every mistake, write nothing
  hardwire build routes.yaml --target target.yaml --out gw    one executable, gw
  ./gw                                                        run it; SIGTERM drains and ends it

Exit codes:
  0  done    64  wrong usage    65  a mistake in a routes or target file    66  such a file cannot be read
  70  a fault of hardwire itself; HARDWIRE_DEBUG=1 shows where`;

async function main(args: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = new Command("hardwire")
    .description("Compiles a routes file and a target file into one executable API gateway.")
    .version(readVersion(), "-V, --version")
    .addHelpText("after", HELP)
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {}, writeOut: print });

  program
    .command("check")
    .description("check both files: everything but building; needs no network")
    .argument("<routes>", "routes file, YAML or JSON")
    .requiredOption("--target <file>", "target file, YAML or JSON")
    .option("--json", "print the result as JSON")
    .action(async (routes: string, options: { target: string; json?: true }) => {
      exitCode = await runCheck(routes, options);
    });

  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version end the same way, with exit code 0.
    if (error.exitCode === 0) return EXIT.ok;
    const message =
      error.code === "commander.help" ? "a command is missing: build or check" : error.message.replace(/^error: /, "");
    complain(`hardwire: ${message.replaceAll("\n", " ")}; see hardwire --help`);
    return EXIT.usage;
  }
  return exitCode;
}

async function runCheck(routes: string, { target, json }: { target: string; json?: true }): Promise<number> {
  const { diagnostics, design } = await check(routes, target);
  if (json) print(`${JSON.stringify(checkData(design, diagnostics), null, 2)}\n`);
  else complainAll(diagnostics);
  if (design === undefined) return EXIT.badInput;
  if (!json) print(`${renderCheck(design)}\n`);
  return EXIT.ok;
}

function complainAll(diagnostics: readonly Diagnostic[]): void {
  if (diagnostics.length === 0) return;
  const verdict = renderVerdict(diagnostics);
  complain(verdict === "" ? renderDiagnostics(diagnostics) : `${renderDiagnostics(diagnostics)}\n${verdict}`);
}

function readVersion(): string {
  const file = readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8");
  return (JSON.parse(file) as { version: string }).version;
}

function print(text: string): void {
  process.stdout.write(text);
}

function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Whoever reads us may stop early, `hardwire … | head`: that is no crash. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof UnreadableInput) {
    if (process.argv.includes("--json")) {
      const entry = { file: error.file, line: 0, column: 0, code: "HW1000", path: "", message: error.message };
      print(`${JSON.stringify({ ok: false, errors: [entry], warnings: [] }, null, 2)}\n`);
    } else complain(`${error.file}  HW1000  ${error.message}`);
    return EXIT.missingInput;
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const showsStack = process.env.HARDWIRE_DEBUG === "1";
  complain(
    `hardwire: a fault of hardwire itself: ${message}${showsStack ? `\n${stack}` : "; HARDWIRE_DEBUG=1 shows where"}`,
  );
  return EXIT.internal;
}
