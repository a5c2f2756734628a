/** `hardwire build`: from the two files to one executable. */
import type { Command } from "commander";
import { attest, sourceDate } from "../attest/index.ts";
import { build, check, InputRefused } from "../compile.ts";
import { compressBinary } from "../compress.ts";
import { findFeatures } from "../features.ts";
import { builtData, checkData, renderBuilt } from "../report.ts";
import { writeReport } from "../report-page/index.ts";
import { complainAll, EXIT, need, print, showProgress, toJson } from "./terminal.ts";

interface Options {
  readonly target?: string;
  readonly out?: string;
  readonly attest?: true;
  readonly compress?: true;
  readonly report?: string;
  readonly json?: true;
}

export function addBuild(program: Command): void {
  program
    .command("build")
    .description("build the executable; FILE.generated/ beside it holds the TypeScript it was made from")
    .argument("<routes>", "routes file, YAML or JSON")
    .option("--target <file>", "target file, YAML or JSON (needed)")
    .option("--out <file>", "the executable to write (needed)")
    .option("--compress", "write FILE.zst beside it, for zstd -d on the device (45 s once for each architecture)")
    .option("--attest", "write SBOM, provenance and hashes beside it: FILE.cdx.json, FILE.intoto.json, FILE.SHA256SUMS")
    .option("--report <dir>", "write DIR/index.html, one page that says what was built")
    .option("--json", "print the report as JSON")
    .action(async (routes: string, options: Options, command: Command) => {
      const target = need(command, options, "target");
      process.exitCode = await run(routes, target, need(command, options, "out"), options);
    });
}

async function run(
  routes: string,
  target: string,
  outFile: string,
  { json, compress, attest: attests, report: folder }: Options,
): Promise<number> {
  const time = sourceDate(process.env.SOURCE_DATE_EPOCH);
  const { diagnostics, design } = await check(routes, target);
  if (!json) complainAll(diagnostics);
  if (design === undefined) {
    if (json) print(toJson(checkData(design, diagnostics)));
    return EXIT.badInput;
  }
  const progress = showProgress();
  try {
    const built = await build(design, outFile, progress.step);
    const compressed = compress ? await compressBinary(outFile, progress.step) : undefined;
    const attested = attests ? await attest(design, built, compressed, time) : undefined;
    const report =
      folder === undefined
        ? undefined
        : await writeReport(folder, { design, built, warnings: diagnostics, features: await findFeatures() });
    progress.clear();
    print(
      json
        ? toJson({
            ...builtData(design, diagnostics, built),
            ...(compressed && { compressed }),
            ...(attested && { attested }),
            ...(report && { report }),
          })
        : `${renderBuilt(design, built, compressed, report)}\n`,
    );
    return EXIT.ok;
  } catch (error) {
    progress.clear();
    if (!(error instanceof InputRefused)) throw error;
    if (json) print(toJson(checkData(undefined, error.diagnostics)));
    else complainAll(error.diagnostics);
    return EXIT.badInput;
  }
}
