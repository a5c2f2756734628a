/** `hardwire diff`: what differs between two executables, as a reviewer wants to know it. */
import type { Command } from "commander";
import { compare, isEqual } from "../manifest/diff.ts";
import { ForeignFile, type Inside, lookInside } from "../manifest/read.ts";
import { renderDifference } from "../manifest/render.ts";
import { complain, EXIT, print, toJson } from "./terminal.ts";

const HELP = `
Both are read and not run, so they may be for other processors. One line for each setting that differs: \`~\` changed,
\`+\` and \`-\` only in the second or the first. A hash that differs is named only where no setting explains it.

Example:
  hardwire diff gw-1.4 gw-1.5
  ~ routes.plc.timeouts.response_header: 5s → 4s

Exit codes are those of diff(1):
  0  equal    1  different    2  trouble: one cannot be read, or is no executable of hardwire's
Above 1 nothing was compared. A mistake in the command line itself ends with 64, as with every command.`;

export function addDiff(program: Command): void {
  program
    .command("diff")
    .description("show what differs between two executables, setting by setting")
    .argument("<old>", "an executable that hardwire built, for any target")
    .argument("<new>", "another one")
    .option("--json", "print the differences as JSON")
    .addHelpText("after", HELP)
    .action((before: string, after: string, { json = false }: { json?: boolean }) => {
      process.exitCode = run(before, after, json);
    });
}

function run(before: string, after: string, json: boolean): number {
  let sides: [Inside, Inside];
  try {
    sides = [lookInside(before), lookInside(after)];
  } catch (error) {
    if (!(error instanceof ForeignFile)) throw error;
    complain(`hardwire: ${error.message}`);
    return EXIT.trouble;
  }
  const difference = compare(...sides);
  const equal = isEqual(difference);
  if (json) {
    const [a, b] = sides.map(({ file, sha256 }) => ({ file, sha256 }));
    print(toJson({ equal, before: a, after: b, ...difference }));
  } else if (!equal) print(`${renderDifference(difference)}\n`);
  return equal ? EXIT.ok : EXIT.differ;
}
