/** `hardwire explain`: how long a client can wait, what limits what, and where the memory goes. */
import type { Command } from "commander";
import { check } from "../compile.ts";
import { explain } from "../explain/explain.ts";
import { renderExplanation } from "../explain/render.ts";
import { checkData } from "../report.ts";
import { complainAll, EXIT, need, print, toJson } from "./terminal.ts";

const HELP = `
Builds nothing. Answers, for these two files:

  How long can a client wait?   each route's longest wait, step by step, with the timeout that bounds it
  What limits what?             which limit is reached first, and what the client sees then
  Why is this 96 MiB?           every term of the memory and of the file descriptors that the executable can need
                                at its limits, largest first, with its formula and [the settings that change it]

A target's memory.budget and limits.descriptors are held against the sums by check and build.

Example:
  hardwire explain routes.yaml --target target.yaml

Exit codes are those of check.`;

interface Options {
  readonly target?: string;
  readonly json?: true;
}

export function addExplain(program: Command): void {
  program
    .command("explain")
    .description("explain the longest waits, the limits, and where memory and descriptors go")
    .argument("<routes>", "routes file, YAML or JSON")
    .option("--target <file>", "target file, YAML or JSON (needed)")
    .option("--json", "print the same as JSON, in milliseconds and bytes")
    .addHelpText("after", HELP)
    .action(async (routes: string, options: Options, command: Command) => {
      process.exitCode = await run(routes, need(command, options, "target"), options.json);
    });
}

async function run(routes: string, target: string, json = false): Promise<number> {
  const { diagnostics, design } = await check(routes, target);
  if (!json) complainAll(diagnostics);
  if (design === undefined) {
    if (json) print(toJson(checkData(design, diagnostics)));
    return EXIT.badInput;
  }
  const explanation = explain(design.plan);
  print(json ? toJson(explanation) : `${renderExplanation(explanation)}\n`);
  return EXIT.ok;
}
