/**
 * What an auditor gets with an executable, beside it: an SBOM, a provenance statement, and the hashes of all of
 * them in the form that `sha256sum --check` reads. The same build gives the same files.
 */
import { writeFile } from "node:fs/promises";
import { basename, dirname, relative } from "node:path";
import type { Built, Design } from "../compile.ts";
import { lookInside } from "../manifest/read.ts";
import { PackError } from "../pack.ts";
import { digest } from "../runtime.ts";
import { makeProvenance, type Subject } from "./provenance.ts";
import { makeSbom } from "./sbom.ts";

/**
 * @param others what else was made of it, compressed or packaged
 * @returns the files, by what they are for
 * @throws PackError 73 if one cannot be written
 */
export async function attest(
  design: Design,
  { packed, bundled }: Built,
  others: readonly { readonly outFile: string; readonly sha256: string }[],
  time: string | undefined,
) {
  const { outFile } = packed;
  const inside = lookInside(outFile);
  const subjects: Subject[] = [{ outFile, sha256: inside.sha256 }, ...others].map(({ outFile: file, sha256 }) => ({
    name: relative(dirname(outFile), file),
    sha256,
  }));
  const files = { sbom: `${outFile}.cdx.json`, provenance: `${outFile}.intoto.json`, sums: `${outFile}.SHA256SUMS` };
  const sbom = toText(makeSbom(inside, bundled, time));
  const provenance = toText(makeProvenance(subjects, inside, design, time));
  const sums = [
    ...subjects,
    { name: basename(files.sbom), sha256: digest(sbom) },
    { name: basename(files.provenance), sha256: digest(provenance) },
  ];
  try {
    await writeFile(files.sbom, sbom);
    await writeFile(files.provenance, provenance);
    await writeFile(files.sums, sums.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join(""));
  } catch (error) {
    throw new PackError(`cannot write beside ${outFile}: ${(error as Error).message}`, 73);
  }
  return files;
}

/**
 * SOURCE_DATE_EPOCH (reproducible-builds.org) as RFC 3339; undefined if it is not set.
 * @throws PackError 64 if it is no number of seconds
 */
export function sourceDate(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  if (!/^\d{1,11}$/.test(text)) {
    throw new PackError(`SOURCE_DATE_EPOCH is "${text}"; expected the seconds since 1970, such as 1767225600`, 64);
  }
  return new Date(Number(text) * 1000).toISOString().replace(".000Z", "Z");
}

function toText(data: object): string {
  return `${JSON.stringify(data, null, 2)}\n`;
}
