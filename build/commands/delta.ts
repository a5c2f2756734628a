/** `hardwire delta`: a small file that makes one executable of another on the device, with the tools it has. */
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { findPieces } from "../delta/pieces.ts";
import { writeScript } from "../delta/script.ts";
import { type Inside, lookInside } from "../manifest/read.ts";
import { PackError } from "../pack.ts";
import { need, print, toJson } from "./terminal.ts";

const HELP = `
Between two builds for one architecture with one hardwire, only the program differs: some kB. FILE is a shell script with
its data behind it; on the device it needs sh, dd, head, tail, gunzip and sha256sum, and no memory to speak of. It checks
the old executable before, the new one after, and replaces nothing until then.

Example:
  hardwire delta gw-1.4 gw-1.5 --out gw-1.5.delta
  sh gw-1.5.delta /opt/gw /opt/gw                 on the device: replaces /opt/gw

Exit codes:
  0  done    65  not an executable of hardwire's, or for two architectures    66  one cannot be read
  73  --out cannot be written`;

interface Options {
  readonly out?: string;
  readonly json?: true;
}

export function addDelta(program: Command): void {
  program
    .command("delta")
    .description("write an update from one executable to another, applied with a shell")
    .argument("<old>", "the executable that the device has")
    .argument("<new>", "the executable that it is to have")
    .option("--out <file>", "the update to write (needed)")
    .option("--json", "print sizes and hashes as JSON")
    .addHelpText("after", HELP)
    .action((before: string, after: string, options: Options, command: Command) => {
      run(before, after, need(command, options, "out"), options.json);
    });
}

function run(before: string, after: string, outFile: string, json = false): void {
  const [old, fresh] = [lookInside(before), lookInside(after)];
  if (old.manifest.target !== fresh.manifest.target) {
    throw new PackError(`${before} is for ${old.manifest.target}, ${after} for ${fresh.manifest.target}`, 65);
  }
  const pieces = findPieces(old.data, fresh.data);
  const script = writeScript(describe(old), describe(fresh), fresh.data, pieces);
  try {
    writeFileSync(outFile, script, { mode: 0o755 });
  } catch (error) {
    throw new PackError(`cannot write ${outFile}: ${(error as Error).message}`, 73);
  }
  const ownBytes = pieces.reduce((sum, { from, length }) => sum + (from === "new" ? length : 0), 0);
  const bytes = { update: script.length, old: old.data.length, new: fresh.data.length, own: ownBytes };
  if (json) print(toJson({ outFile, bytes, sha256: { old: old.sha256, new: fresh.sha256 } }));
  else print(`${outFile}: ${kilobytes(bytes.update)}; ${kilobytes(ownBytes)} of ${after} are not in ${before}\n`);
}

function describe({ manifest, sha256 }: Inside) {
  // Into a shell script's comment, and from a file that anyone may have made.
  const name = manifest.name.replaceAll(/[^\w.-]/g, "?");
  return { label: `${name}, hardwire ${manifest.versions.hardwire.replaceAll(/[^\w.-]/g, "?")}`, sha256 };
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
