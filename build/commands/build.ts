/** `hardwire build`: from the two files to one executable. */
import type { Command } from "commander";
import { attest, sourceDate } from "../attest/index.ts";
import { build, check, InputRefused } from "../compile.ts";
import { compressBinary } from "../compress.ts";
import { findFeatures } from "../features.ts";
import type { Packages, Wanted } from "../package/index.ts";
import { builtData, checkData, renderBuilt } from "../report.ts";
import { writeReport } from "../report-page/index.ts";
import { refuseServiceless, writeService } from "../service/index.ts";
import { complainAll, EXIT, need, print, showProgress, toJson } from "./terminal.ts";

interface Options extends Wanted {
  readonly target?: string;
  readonly out?: string;
  readonly attest?: true;
  readonly compress?: true;
  readonly report?: string;
  readonly service?: string;
  readonly json?: true;
}

const HELP = `
Packages. The same build, release, base and SOURCE_DATE_EPOCH give the same bytes, and no tools are needed for them.

  hardwire build routes.yaml --target target.yaml --out gw --deb dist --release 1.4.2
      for target files with \`service\` and \`package\`; devices compare the versions, 1.4.2~rc.1 comes before 1.4.2
  apt install ./gw_1.4.2_arm64.deb
      on the device: installs it, or upgrades to it

  skopeo copy docker://gcr.io/distroless/cc-debian12 oci:cc
      any base will do that has the C and C++ libraries of Debian 12 or newer; cc@sha256:... pins it
  hardwire build routes.yaml --target target.yaml --out gw --oci gw.oci --base cc
  skopeo copy oci:gw.oci docker://registry.example.net/gw:1.4.2`;

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
    .option("--service <dir>", "write DIR/NAME.service and DIR/NAME.sysctl.conf, for the device's systemd")
    .option("--deb <dir>", "write DIR/NAME_RELEASE_ARCH.deb, for Debian and Ubuntu with systemd")
    .option("--oci <dir>", "write an OCI image layout, DIR, for podman, skopeo and the like")
    .option("--base <layout>", "OCI image layout that the image is built upon (needed for --oci)")
    .option("--release <version>", "the version of what is packaged, such as 1.4.2 (needed for --deb)")
    .option("--json", "print the report as JSON")
    .addHelpText("after", HELP)
    .action(async (routes: string, options: Options, command: Command) => {
      const target = need(command, options, "target");
      const outFile = need(command, options, "out");
      needTogether(command, options);
      process.exitCode = await run(routes, target, outFile, options);
    });
}

function needTogether(command: Command, options: Options): void {
  const { deb, oci, base, release } = options;
  if (deb !== undefined) need(command, options, "release", "version");
  if (oci !== undefined) need(command, options, "base", "layout");
  else if (base !== undefined) command.error("--base is what an image is built upon; --oci <dir> is missing");
  if (release !== undefined && deb === undefined && oci === undefined) {
    command.error("--release is the version of a package; --deb <dir> or --oci <dir> is missing");
  }
}

async function run(
  routes: string,
  target: string,
  outFile: string,
  { json, compress, attest: attests, report: folder, service: serviceFolder, ...wanted }: Options,
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
    if (serviceFolder !== undefined) refuseServiceless(design);
    // Neither `check` nor other builds wait for what packages are made with.
    const packaging = wanted.deb || wanted.oci ? await import("../package/index.ts") : undefined;
    packaging?.refuseUnpackable(design, wanted);
    const built = await build(design, outFile, progress.step);
    const compressed = compress ? await compressBinary(outFile, progress.step) : undefined;
    const service = serviceFolder === undefined ? undefined : await writeService(serviceFolder, design.plan);
    const packages: Packages = (await packaging?.makePackages(design, built, wanted, time, progress.step)) ?? {};
    const others = [compressed, packages.deb].filter((made) => made !== undefined);
    const attested = attests ? await attest(design, built, others, time) : undefined;
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
            ...packages,
            ...(attested && { attested }),
            ...(report && { report }),
            ...(service && { service }),
          })
        : `${renderBuilt(design, built, { compressed, report, service, ...packages })}\n`,
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
