/**
 * Where an executable came from: an in-toto statement (v1) with a SLSA provenance (v1) as its predicate. It is not
 * signed: who builds signs it, with what they sign everything else.
 */
import { basename } from "node:path";
import type { Design } from "../compile.ts";
import type { Inside } from "../manifest/read.ts";
import { addonPackage, addonPins, runtimePins } from "../pins.ts";

export interface Subject {
  readonly name: string;
  readonly sha256: string;
}

/** @param finishedOn RFC 3339, or undefined for none: a time that is not given would differ from build to build */
export function makeProvenance(
  subjects: readonly Subject[],
  { manifest }: Inside,
  { routes, target }: Design,
  finishedOn: string | undefined,
): object {
  const runtime = runtimePins[manifest.target];
  const addon = addonPins[manifest.target];
  const { hardwire } = manifest.versions;
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: subjects.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        buildType: "pkg:generic/hardwire#build",
        externalParameters: {
          // By their last name only: no machine's folders.
          routes: { name: basename(routes.source.file), digest: { sha256: manifest.sha256.routes } },
          target: { name: basename(target.source.file), digest: { sha256: manifest.sha256.target } },
        },
        internalParameters: { target: manifest.target, glibc: manifest.glibc, features: manifest.features },
        resolvedDependencies: [
          dependency(runtime.package, runtime.integrity, "bin/node", runtime.sha256),
          dependency(addonPackage.package, addonPackage.integrity, addon.file, addon.sha256),
        ].flat(),
      },
      runDetails: {
        builder: { id: `pkg:generic/hardwire@${hardwire}`, version: { hardwire, node: manifest.versions.node } },
        ...(finishedOn !== undefined && { metadata: { finishedOn } }),
      },
    },
  };
}

/** An npm package, by its integrity, and the one file that was taken out of it. */
function dependency(npmPackage: string, integrity: string, file: string, sha256: string) {
  const uri = `pkg:npm/${npmPackage}`;
  const sha512 = Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex");
  return [
    { uri, digest: { sha512 } },
    { uri: `${uri}#${file}`, digest: { sha256 } },
  ];
}
