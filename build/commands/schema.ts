/** `hardwire schema`: the JSON Schema of routes files or of target files. */
import { Argument, type Command, Option } from "commander";
import { findFeatures } from "../features.ts";
import { DRAFTS, type Draft, routesJsonSchema, targetJsonSchema } from "../schema/json-schema.ts";
import { EXIT, print, toJson } from "./terminal.ts";

const HELP = `
It says what may be written, with a description of every key, so that an editor completes keys and underlines typos.
VS Code with the YAML extension, and every editor with yaml-language-server, reads the first line of a file:

  # yaml-language-server: $schema=./routes.schema.json

Examples:
  hardwire schema routes > routes.schema.json
  hardwire schema target --draft 2020-12 > target.schema.json

What takes several values to see (two routes on one path, an upstream that is not there) only hardwire check finds.`;

export function addSchema(program: Command): void {
  program
    .command("schema")
    .description("print the JSON Schema of routes files or of target files, for editors")
    .addArgument(new Argument("<file>", "which of the two files").choices(["routes", "target"]))
    .addOption(
      new Option("--draft <draft>", "version of JSON Schema")
        .choices(Object.keys(DRAFTS))
        .default("draft-07" satisfies Draft),
    )
    .addHelpText("after", HELP)
    .action(async (file: "routes" | "target", { draft }: { draft: Draft }) => {
      print(toJson(file === "routes" ? routesJsonSchema(await findFeatures(), draft) : targetJsonSchema(draft)));
      process.exitCode = EXIT.ok;
    });
}
