/** `hardwire check`: finds every mistake in both files and writes nothing. */
import type { Command } from "commander";
import { check } from "../compile.ts";
import { checkData, renderCheck } from "../report.ts";
import { complainAll, EXIT, need, print, toJson } from "./terminal.ts";

interface Options {
  readonly target?: string;
  readonly json?: true;
}

export function addCheck(program: Command): void {
  program
    .command("check")
    .description("check both files: everything but building; needs no network")
    .argument("<routes>", "routes file, YAML or JSON")
    .option("--target <file>", "target file, YAML or JSON (needed)")
    .option("--json", "print the result as JSON")
    .action(async (routes: string, options: Options, command: Command) => {
      process.exitCode = await run(routes, need(command, options, "target"), options.json);
    });
}

async function run(routes: string, target: string, json = false): Promise<number> {
  const { diagnostics, design } = await check(routes, target);
  if (json) print(toJson(checkData(design, diagnostics)));
  else complainAll(diagnostics);
  if (design === undefined) return EXIT.badInput;
  if (!json) print(`${renderCheck(design)}\n`);
  return EXIT.ok;
}
