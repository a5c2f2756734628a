/** Types of cache.mjs. */

/** A foreign binary could not be had; `exitCode` from sysexits.h. */
export class SupplyError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number);
}

/** `$XDG_CACHE_HOME/hardwire` or `~/.cache/hardwire`; not created here. */
export function findCacheFolder(): string;

/**
 * Makes the file at `path` unless it is there.
 * @param fill writes the whole, checked file to `file`; `scratch` is a private folder for anything else it needs
 * @returns `path`
 * @throws SupplyError 73 if the cache cannot be written, and what `fill` throws
 */
export function keepInCache(path: string, fill: (file: string, scratch: string) => Promise<void>): Promise<string>;
