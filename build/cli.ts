/** The `hardwire` command line: the only file of the compiler that prints and that knows exit codes. */
import { Command, CommanderError } from "commander";
import { build, check, InputRefused } from "./compile.ts";
import { type Diagnostic, renderDiagnostics, renderVerdict } from "./diagnostics.ts";
import { UnreadableInput } from "./load.ts";
import { builtData, checkData, renderBuilt, renderCheck } from "./report.ts";
import { VERSION } from "./version.ts";

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
  hardwire build routes.yaml --target target.yaml --out gw    one executable, gw; the TypeScript it was
                                                              made from lies in gw.generated/
  ./gw                                                        run it; SIGTERM drains and ends it

Exit codes:
  0  done    64  wrong usage    65  a mistake in a routes or target file    66  such a file cannot be read
  69  a download failed    70  a fault of hardwire itself; HARDWIRE_DEBUG=1 shows where    73  --out cannot be written`;

interface Options {
  readonly target?: string;
  readonly out?: string;
  readonly json?: true;
}

/** Not commander's requiredOption: that complains of `--target` before it sees that `--taget` was meant. */
function need(command: Command, options: Options, name: "target" | "out"): string {
  return options[name] || command.error(`the option --${name} <file> is missing`);
}

async function main(args: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = new Command("hardwire")
    .description("Compiles a routes file and a target file into one executable API gateway.")
    .version(VERSION, "-V, --version")
    .addHelpText("after", HELP)
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {}, writeOut: print });

  program
    .command("check")
    .description("check both files: everything but building; needs no network")
    .argument("<routes>", "routes file, YAML or JSON")
    .option("--target <file>", "target file, YAML or JSON (needed)")
    .option("--json", "print the result as JSON")
    .action(async (routes: string, options: Options, command: Command) => {
      exitCode = await runCheck(routes, need(command, options, "target"), options.json);
    });
  program
    .command("build")
    .description("build the executable; FILE.generated/ beside it holds the TypeScript it was made from")
    .argument("<routes>", "routes file, YAML or JSON")
    .option("--target <file>", "target file, YAML or JSON (needed)")
    .option("--out <file>", "the executable to write (needed)")
    .option("--json", "print the report as JSON")
    .action(async (routes: string, options: Options, command: Command) => {
      exitCode = await runBuild(routes, need(command, options, "target"), need(command, options, "out"), options.json);
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

async function runCheck(routes: string, target: string, json = false): Promise<number> {
  const { diagnostics, design } = await check(routes, target);
  if (json) print(toJson(checkData(design, diagnostics)));
  else complainAll(diagnostics);
  if (design === undefined) return EXIT.badInput;
  if (!json) print(`${renderCheck(design)}\n`);
  return EXIT.ok;
}

async function runBuild(routes: string, target: string, outFile: string, json = false): Promise<number> {
  const { diagnostics, design } = await check(routes, target);
  if (!json) complainAll(diagnostics);
  if (design === undefined) {
    if (json) print(toJson(checkData(design, diagnostics)));
    return EXIT.badInput;
  }
  const progress = showProgress();
  try {
    const built = await build(design, outFile, progress.step);
    progress.clear();
    print(json ? toJson(builtData(design, diagnostics, built)) : `${renderBuilt(design, built)}\n`);
    return EXIT.ok;
  } catch (error) {
    progress.clear();
    if (!(error instanceof InputRefused)) throw error;
    if (json) print(toJson(checkData(undefined, error.diagnostics)));
    else complainAll(error.diagnostics);
    return EXIT.badInput;
  }
}

/** On a terminal one line that is written over; elsewhere nothing, the report says it all. */
function showProgress() {
  if (!process.stderr.isTTY) return { step() {}, clear() {} };
  return {
    step(line: string) {
      process.stderr.write(`\r\u001b[K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
    },
    clear() {
      process.stderr.write("\r\u001b[K");
    },
  };
}

function toJson(data: object): string {
  return `${JSON.stringify(data, null, 2)}\n`;
}

function complainAll(diagnostics: readonly Diagnostic[]): void {
  if (diagnostics.length === 0) return;
  const verdict = renderVerdict(diagnostics);
  complain(verdict === "" ? renderDiagnostics(diagnostics) : `${renderDiagnostics(diagnostics)}\n${verdict}`);
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
      print(toJson({ ok: false, errors: [entry], warnings: [] }));
    } else complain(`${error.file}  HW1000  ${error.message}`);
    return EXIT.missingInput;
  }
  // Supply, pack and ELF errors say themselves what is to blame.
  if (error instanceof Error && "exitCode" in error && typeof error.exitCode === "number") {
    complain(`hardwire: ${error.message}`);
    return error.exitCode;
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const showsStack = process.env.HARDWIRE_DEBUG === "1";
  complain(
    `hardwire: a fault of hardwire itself: ${message}${showsStack ? `\n${stack}` : "; HARDWIRE_DEBUG=1 shows where"}`,
  );
  return EXIT.internal;
}
