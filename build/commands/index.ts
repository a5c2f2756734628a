/** The commands, in the order `--help` shows them. Each sets `process.exitCode` itself. */
import type { Command } from "commander";
import { addBuild } from "./build.ts";
import { addCheck } from "./check.ts";
import { addDelta } from "./delta.ts";
import { addDiff } from "./diff.ts";
import { addExplain } from "./explain.ts";
import { addInspect } from "./inspect.ts";
import { addSchema } from "./schema.ts";
import { addTest } from "./test.ts";

export function addCommands(program: Command): void {
  addCheck(program);
  addExplain(program);
  addBuild(program);
  addTest(program);
  addSchema(program);
  addInspect(program);
  addDiff(program);
  addDelta(program);
}
