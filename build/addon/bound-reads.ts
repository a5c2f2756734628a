/**
 * Makes the packed copy of the addon read at most 64 KiB from a client at a time.
 *
 * As published it reads 512 KiB, and reads again at once for as long as reads come back full, whatever `pause()` was
 * told: a client that sends faster than its upstream takes is swallowed whole, past every bound (64 MB seen). There is
 * no setting for it. But the length is one constant in one instruction, and "came back full" is a comparison with that
 * same 512 KiB which a shorter read never meets. So one byte ends both: after each read of at most 64 KiB the event
 * loop goes on, and a pause holds.
 *
 * Only ever done to an input whose SHA-256 is pinned, at the one place that has these instructions.
 */
import type { Target } from "../pins.ts";

/** Largest read of the prepared addon; src/core/windows.ts sizes body windows by it. */
export const CLIENT_READ_BYTES = 64 * 1024;

/** The call of recv in us_internal_dispatch_ready_poll: its length argument, then its flags. */
const PLACES: Readonly<Record<Target, { readonly found: Buffer; readonly wanted: Buffer }>> = {
  // mov edx, 0x80000; xor ecx, ecx; call …
  "linux-x64": { found: Buffer.from("ba0000080031c9e8", "hex"), wanted: Buffer.from("ba0000010031c9e8", "hex") },
  // movz w2, #0x8, lsl #16; mov w3, wzr
  "linux-arm64": { found: Buffer.from("0201a052e3031f2a", "hex"), wanted: Buffer.from("2200a052e3031f2a", "hex") },
};

/** @throws Error if the instructions are not there exactly once: another addon than the pinned one */
export function boundReads(name: string, addon: Buffer, target: Target): Buffer {
  const { found, wanted } = PLACES[target];
  const at = addon.indexOf(found);
  if (at === -1 || addon.indexOf(found, at + 1) !== -1) {
    throw new Error(`${name}: the read of ${target} is not where it was in the pinned addon`);
  }
  const bounded = Buffer.from(addon);
  wanted.copy(bounded, at);
  return bounded;
}
