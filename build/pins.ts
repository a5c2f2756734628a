/**
 * The foreign binaries that go into a gateway, each pinned by what it must hash to before and after it is prepared.
 *
 * - `integrity`: of the npm package, as `npm view PACKAGE dist.integrity` prints it; checked before anything is unpacked.
 * - `sha256`: of the file as published; `preparedSha256`: of what runtime.ts makes of it, which is what
 *   is packed. A change of build/elf, slim.ts or addon/ that changes these is a change of every gateway: raise them in its commit.
 */
import pins from "./pins.json" with { type: "json" };

export type Target = "linux-x64" | "linux-arm64";

export interface RuntimePin {
  readonly package: string;
  readonly integrity: string;
  readonly downloadMegabytes: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly preparedSha256: string;
}

export interface AddonPin {
  /** In node_modules/uWebSockets.js; 137 is the ABI of Node 24. */
  readonly file: string;
  readonly sha256: string;
  readonly preparedSha256: string;
}

export const NODE_VERSION: string = pins.node;
/** Of the LICENSE file that comes with it, the same for all machines. */
export const LICENCES_SHA256: string = pins.licencesSha256;
/**
 * The npm package that all addons come from; npm checks its integrity, package-lock.json has the same. `commit` of
 * uWebSockets.js is what it says it was made of.
 */
export const addonPackage = {
  ...pins.addonPackage,
  version: pins.addonPackage.package.split("@")[1]!,
} as const;
export const runtimePins: Readonly<Record<Target, RuntimePin>> = pins.runtimes;
export const addonPins: Readonly<Record<Target, AddonPin>> = pins.addons;
