/**
 * The two foreign binaries of a gateway, ready to pack: the runtime made slim; the addon's glibc floor lowered,
 * three of its faults mended (addon/), and stripped. Both come from pinned inputs, are made once and kept in the cache under
 * the hash of what they must be. They are hashed again on every use (`read`), so what is packed is what is pinned,
 * whatever happened to the cache since.
 */
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { boundAnswers } from "./addon/bound-answers.ts";
import { boundReads } from "./addon/bound-reads.ts";
import { resumeBoth } from "./addon/resume-both.ts";
import { findCacheFolder, keepInCache, SupplyError } from "./cache.mjs";
import { fetchRuntime } from "./download.mjs";
import { lowerGlibc } from "./elf/lower.ts";
import { stripElf } from "./elf/strip.ts";
import { type AddonPin, addonPins, type RuntimePin, runtimePins, type Target } from "./pins.ts";
import { slimRuntime } from "./slim.ts";

export interface Prepared {
  readonly path: string;
  readonly sha256: string;
  /**
   * The bytes, checked (0.2 s for a runtime).
   * @throws SupplyError 65 if they are not what is pinned; the damaged file is removed
   */
  readonly read: () => Buffer;
}

/**
 * @param say gets one line when a download begins
 * @throws SupplyError 69 if it cannot be downloaded, 65 if a file is not what is pinned, 73 if the cache cannot be written
 */
export function prepareRuntime(target: Target, say: (line: string) => void): Promise<Prepared> {
  const pin: RuntimePin = runtimePins[target];
  return prepare(`slim runtime of ${pin.package}`, "node", pin.preparedSha256, 0o755, async () => {
    const path = await fetchRuntime(pin, say);
    return slimRuntime(pin.package, checkHash(`bin/node of ${pin.package} in the cache (${path})`, path, pin.sha256));
  });
}

/** @throws SupplyError 65 if the installed addon is not what is pinned, 69 if there is none, 73 as above */
export function prepareAddon(target: Target): Promise<Prepared> {
  const pin: AddonPin = addonPins[target];
  return prepare(`prepared addon ${pin.file}`, "uws.node", pin.preparedSha256, 0o644, async () => {
    const path = join(dirname(createRequire(import.meta.url).resolve("uWebSockets.js/package.json")), pin.file);
    return changeAddon(path, pin, target);
  });
}

/** The addon at `path`, if it is the pinned one, ready to pack. */
export function changeAddon(path: string, pin: AddonPin, target: Target): Buffer {
  const published = checkHash(`addon ${pin.file} (${path})`, path, pin.sha256);
  const edits = [boundReads, boundAnswers, resumeBoth];
  const edited = edits.reduce((addon, edit) => edit(pin.file, addon, target), lowerGlibc(pin.file, published));
  return stripElf(pin.file, edited);
}

async function prepare(
  what: string,
  name: string,
  sha256: string,
  mode: number,
  make: () => Promise<Buffer>,
): Promise<Prepared> {
  const path = join(findCacheFolder(), "prepared", sha256, name);
  await keepInCache(path, async (file) => {
    const data = await make();
    checkDigest(`${what} (its preparation changed? then change its pin too)`, data, sha256);
    writeFileSync(file, data, { mode });
  });
  const read = (): Buffer => {
    const data = readFileSync(path);
    try {
      checkDigest(`${what} in the cache, which was damaged and is now removed; build again`, data, sha256);
    } catch (error) {
      rmSync(path);
      throw error;
    }
    return data;
  };
  return { path, sha256, read };
}

function checkHash(what: string, path: string, expected: string): Buffer {
  let data: Buffer;
  try {
    data = readFileSync(path);
  } catch (error) {
    throw new SupplyError(`cannot read ${what}: ${(error as Error).message}; run npm ci`, 69);
  }
  checkDigest(what, data, expected);
  return data;
}

/** @throws SupplyError 65 */
export function checkDigest(what: string, data: Buffer, expected: string): void {
  const actual = digest(data);
  if (actual !== expected) {
    throw new SupplyError(`refused ${what}; expected SHA-256 ${expected}, found ${actual}`, 65);
  }
}

export function digest(data: Buffer | string): string {
  return createHash("sha256").update(data).digest("hex");
}
