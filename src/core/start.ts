/** What the device program's arguments ask for, and what an error makes of the process. */
import { HAS_TESTS, HAS_UPDATE } from "#generated/constants.ts";
import { helpText, readManifest, versionText } from "./about.ts";
import { ERROR, logLine } from "./log.ts";
import { selfTest } from "./self-test.ts";
import { serve } from "./serve.ts";
import { confess, isBeside } from "./upgrade/beside.ts";
import { isCommand, runCommand } from "./upgrade/commands.ts";

const EXIT_USAGE = 64;
const EXIT_SOFTWARE = 70;

/** Runs the device program with its command line arguments. */
export function start(args: readonly string[]): void {
  process.on("uncaughtException", (error) => {
    logLine(`internal error: ${error.stack ?? error.message}`, ERROR);
    process.exit(EXIT_SOFTWARE);
  });
  const [first, extra] = args;
  if (HAS_TESTS && first === "--self-test" && args.length <= 2 && (extra ?? "--json") === "--json") {
    void orExit(() => selfTest(extra !== undefined));
  } else if (HAS_UPDATE && isCommand(first)) void orExit(() => runCommand(first, args.slice(1)));
  else if (extra !== undefined) refuseArgument(extra);
  else if (first === "--version") process.stdout.write(`${versionText()}\n`);
  else if (first === "--manifest") process.stdout.write(`${JSON.stringify(readManifest(), null, 2)}\n`);
  else if (first === "--help") process.stdout.write(helpText());
  else if (first !== undefined) refuseArgument(first);
  else void orExit(serve);
}

function refuseArgument(argument: string): void {
  logLine(`unknown argument "${argument}"; the configuration is compiled in, see --help`, ERROR);
  process.exitCode = EXIT_USAGE;
}

/** What the device is to blame for is one line and an exit code. */
async function orExit(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof Error && "exitCode" in error)) throw error;
    logLine(error.message, ERROR);
    if (HAS_UPDATE && isBeside) await confess(error.message);
    process.exit(Number(error.exitCode));
  }
}
