/**
 * `hardwire build --deb DIR`: the executable as a service that a Debian or Ubuntu device installs, upgrades and removes
 * with its own tools. The format is deb(5), version 2.0; nothing of Debian is needed to make it. The same build with the
 * same release and SOURCE_DATE_EPOCH gives the same file.
 */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Built, Design } from "../compile.ts";
import { writeWhole } from "../compress.ts";
import { lookInside } from "../manifest/read.ts";
import { PackError } from "../pack.ts";
import { digest } from "../runtime.ts";
import { makeSysctl, makeUnit } from "../service/index.ts";
import { makeAr } from "./ar.ts";
import { makeChangelog, makeControl } from "./control.ts";
import { ARCHITECTURE, dependsOn } from "./debian.ts";
import { makeDocuments } from "./documents.ts";
import { makeOverrides } from "./lintian.ts";
import { needsOf } from "./needs.ts";
import { makeScripts } from "./scripts.ts";
import { compressTar, dateOf, type File, makeMember, makeTar } from "./tar.ts";

export interface MadeFile {
  readonly outFile: string;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * @param folder where NAME_RELEASE_ARCH.deb is written
 * @param time RFC 3339, if there is one
 * @param say gets one line when something begins that takes a while
 * @throws PackError 73 if it cannot be written; SupplyError from download.mjs
 */
export async function makeDeb(
  design: Design,
  { packed, bundled }: Built,
  { folder, release, time }: { readonly folder: string; readonly release: string; readonly time: string | undefined },
  say: (line: string) => void,
): Promise<MadeFile> {
  const { name, target } = design.plan;
  const identity = { name, release, maintainer: design.maintainer! };
  const date = dateOf(time);
  const inside = lookInside(packed.outFile);
  const sysctl = `60-${name}.conf`;
  const changelog = await makeMember(makeChangelog(identity, date));
  const files: File[] = [
    { path: `usr/lib/${name}/${name}`, mode: 0o755, data: inside.data },
    { path: `lib/systemd/system/${name}.service`, mode: 0o644, data: makeUnit(design.plan) },
    { path: `usr/lib/sysctl.d/${sysctl}`, mode: 0o644, data: makeSysctl(design.plan) },
    ...(await makeDocuments(inside, bundled, time)),
    { path: `usr/share/doc/${name}/changelog.gz`, mode: 0o644, data: changelog },
    { path: `usr/share/lintian/overrides/${name}`, mode: 0o644, data: makeOverrides(name) },
  ];
  const scripts = makeScripts(name, design.plan.update !== undefined, sysctl);
  const control: File[] = [
    { path: "control", mode: 0o644, data: makeControl(design, identity, dependsOn(needsOf(inside)), files) },
    { path: "md5sums", mode: 0o644, data: files.map(({ path, data }) => `${md5(data)}  ${path}\n`).join("") },
    ...Object.entries(scripts).map(([path, data]): File => ({ path, mode: 0o755, data })),
  ];
  const whole = makeAr(
    [
      { name: "debian-binary", data: Buffer.from("2.0\n") },
      { name: "control.tar.gz", data: await makeMember(await makeTar(control, "./", date)) },
      { name: "data.tar.gz", data: await compressTar(await makeTar(files, "./", date), inside.data, say) },
    ],
    date.getTime() / 1000,
  );
  const outFile = join(folder, `${name}_${release}_${ARCHITECTURE[target]}.deb`);
  makeFolder(folder);
  writeWhole(outFile, whole);
  return { outFile, bytes: whole.length, sha256: digest(whole) };
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new PackError(`cannot write ${folder}: ${(error as Error).message}`, 73);
  }
}

function md5(data: Buffer | string): string {
  return createHash("md5").update(data).digest("hex");
}
