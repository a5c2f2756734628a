/** The commands, in the order `--help` shows them. Each sets `process.exitCode` itself. */
import type { Command } from "commander";
import { addBuild } from "./build.ts";
import { addCheck } from "./check.ts";
import { addSchema } from "./schema.ts";
import { addSchema } from "./schema.ts";
import { addDiff } from "./diff.ts";
import { addInspect } from "./inspect.ts";

export function addCommands(program: Command): void {
  addCheck(program);
  addBuild(program);
  addSchema(program);
  addSchema(program);
  addInspect(program);
  addDiff(program);
}
