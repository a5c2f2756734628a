/** `hardwire inspect`: what is in an executable, without running it. */
import type { Command } from "commander";
import { lookInside } from "../manifest/read.ts";
import { renderInside } from "../manifest/render.ts";
import { print, toJson } from "./terminal.ts";

const HELP = `
The executable is read and not run, so one for another processor will do. Its program and addon are checked against the
hashes in its manifest. \`BINARY --manifest\` prints the manifest on the device itself.

Examples:
  hardwire inspect gw                                     routes, upstreams, limits, versions, hashes
  hardwire inspect gw --json | jq .manifest.routes.plc    one route, with every setting that holds for it

Exit codes:
  0  done    65  not an executable of hardwire's, or a damaged one    66  it cannot be read`;

export function addInspect(program: Command): void {
  program
    .command("inspect")
    .description("show what is in an executable: routes, upstreams, features, versions, hashes")
    .argument("<binary>", "an executable that hardwire built, for any target")
    .option("--json", "print the manifest, sizes and hashes as JSON")
    .addHelpText("after", HELP)
    .action((file: string, { json }: { json?: true }) => {
      const { data: _, ...inside } = lookInside(file);
      print(json ? toJson(inside) : `${renderInside(inside)}\n`);
    });
}
