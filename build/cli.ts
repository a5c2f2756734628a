/** The `hardwire` command line: help, the commands (commands/), and what becomes of an error none of them expected. */
import { Command, CommanderError } from "commander";
import { addCommands } from "./commands/index.ts";
import { complain, EXIT, print, toJson } from "./commands/terminal.ts";
import { UnreadableInput } from "./load.ts";
import { VERSION } from "./version.ts";

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
  hardwire explain routes.yaml --target target.yaml           longest waits, and where the memory goes
  hardwire build routes.yaml --target target.yaml --out gw    one executable, gw; the TypeScript it was
                                                              made from lies in gw.generated/
  ./gw                                                        run it; SIGTERM drains and ends it
  hardwire inspect gw                                         what is in it, without running it

Exit codes:
  0  done    64  wrong usage    65  a mistake in a routes or target file    66  such a file cannot be read
  69  a download failed    70  a fault of hardwire itself; HARDWIRE_DEBUG=1 shows where    73  --out cannot be written
  diff ends as diff(1) does: 0 equal, 1 different, 2 trouble`;

/** Runs one command, which sets the exit code itself; mistakes in the command line are complained of here. */
async function main(args: readonly string[]): Promise<void> {
  const program = new Command("hardwire")
    .description("Compiles a routes file and a target file into one executable API gateway.")
    .version(VERSION, "-V, --version")
    .addHelpText("after", HELP)
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {}, writeOut: print });

  addCommands(program);

  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version end the same way, with exit code 0.
    if (error.exitCode === 0) return;
    const names = program.commands.map((command) => command.name()).join(", ");
    const message =
      error.code === "commander.help" ? `a command is missing: ${names}` : error.message.replace(/^error: /, "");
    complain(`hardwire: ${message.replaceAll("\n", " ")}; see hardwire --help`);
    process.exitCode = EXIT.usage;
  }
}

/** Whoever reads us may stop early, `hardwire … | head`: that is no crash. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

try {
  await main(process.argv.slice(2));
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
