/** Types of download.mjs. */
import type { RuntimePin } from "./pins.ts";

/**
 * The path of the runtime as published (Node's `bin/node`), downloaded if it is not in the cache.
 * @param say gets one line when a download begins
 * @throws SupplyError 69 if npm cannot get it, 65 if it is not what is pinned (both hashes in the text), 73 if the
 *   cache cannot be written
 */
export function fetchRuntime(
  pin: Pick<RuntimePin, "package" | "integrity" | "downloadMegabytes" | "bytes" | "sha256">,
  say: (line: string) => void,
): Promise<string>;

/**
 * The path of LICENSE of the same package: the licences of Node.js and of all that is compiled into it.
 * @throws SupplyError as above
 */
export function fetchLicences(pin: Pick<RuntimePin, "package" | "integrity" | "sha256">): Promise<string>;

/** @throws SupplyError 65 with both hashes */
export function checkSha256(what: string, path: string, expected: string): Promise<void>;
