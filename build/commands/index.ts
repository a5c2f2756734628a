/** The commands, in the order `--help` shows them. Each sets `process.exitCode` itself. */
import type { Command } from "commander";
import { addBuild } from "./build.ts";
import { addCheck } from "./check.ts";

export function addCommands(program: Command): void {
  addCheck(program);
  addBuild(program);
}
