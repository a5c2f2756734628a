/**
 * Finds the features: every folder of src/features with a feature.ts. There is no registry to edit; putting a folder
 * there adds a feature, removing it removes it. What two features must not share is checked here.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CODES } from "./codes.ts";
import { type Feature, STAGES } from "./feature.ts";

const FEATURES_DIR = join(import.meta.dirname, "..", "src", "features");
/** Keys of a route that belong to the core. */
const CORE_KEYS = ["name", "match", "hosts", "upstream", "timeouts", "limits"];

/** All features in stage order, ties by name. @throws Error when a feature's folder breaks the contract */
export async function findFeatures(directory: string = FEATURES_DIR): Promise<readonly Feature[]> {
  const features: Feature[] = [];
  for (const folder of await readdir(directory, { withFileTypes: true }).catch(orNothing)) {
    if (!folder.isDirectory()) continue;
    const file = join(directory, folder.name, "feature.ts");
    const feature = ((await import(pathToFileURL(file).href)) as { default?: Feature }).default;
    if (feature?.name !== folder.name)
      throw new Error(`${file} must export default defineFeature({ name: "${folder.name}", … })`);
    features.push(feature);
  }
  refuseShared(features);
  return features.sort((a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage) || (a.name < b.name ? -1 : 1));
}

function orNothing(error: NodeJS.ErrnoException): [] {
  if (error.code === "ENOENT") return [];
  throw error;
}

function refuseShared(features: readonly Feature[]): void {
  const owners = new Map(CORE_KEYS.map((key) => [key, "the core"]));
  const programOwners = new Map<string, string>();
  const codes = new Map(Object.keys(CODES).map((code) => [code, "the core"]));
  for (const feature of features) {
    claim(owners, Object.keys(feature.routeKeys), feature.name, "route key");
    claim(programOwners, Object.keys(feature.programKeys ?? {}), feature.name, "key of observability");
    claim(codes, Object.keys(feature.codes ?? {}), feature.name, "code");
  }
}

function claim(owners: Map<string, string>, keys: readonly string[], name: string, what: string): void {
  for (const key of keys) {
    const owner = owners.get(key);
    if (owner !== undefined) throw new Error(`feature ${name}: the ${what} ${key} belongs to ${owner}`);
    owners.set(key, name);
  }
}

/** The compiler's codes and the features'. */
export function codesWith(features: readonly Feature[]): Readonly<Record<string, string>> {
  return Object.assign({}, CODES, ...features.map(({ codes }) => codes ?? {}));
}
