/**
 * Makes `resume()` of the packed addon wait for the client's bytes and for room for ours, whatever it waited for before.
 *
 * As published, `pause()` notes what a connection was waiting for in a table that all connections share, with two entries:
 * for connections of which bytes are unsent, and for the others. `resume()` waits for what it finds there: what the last
 * connection that paused was waiting for, which may have been another one, or nothing at all. So where several clients
 * had both an upload and an answer standing still, one whose upload could go on was never read again, or never given the
 * rest of its answer. That there is room where nothing is unsent is told once, and costs one turn of the event loop.
 *
 * Only ever done to an input whose SHA-256 is pinned, at places that have just these instructions.
 */
import type { Target } from "../pins.ts";
import { applyEdits, type Edit, edit } from "./edit.ts";

/** LIBUS_SOCKET_READABLE | LIBUS_SOCKET_WRITABLE. In HttpResponseWrapper::res_resume, with TLS and without. */
const EDITS: Readonly<Record<Target, readonly Edit[]>> = {
  // mov esi, [rax + rcx * 4] → push 3; pop rsi
  "linux-x64": [edit(0x120210, "8b3488", "6a03 5e"), edit(0x125130, "8b3488", "6a03 5e")],
  // ldr w1, [x9, w11, uxtw #2] → mov w1, #3
  "linux-arm64": [edit(0x1188d0, "21596bb8", "61008052"), edit(0x11dd88, "21596bb8", "61008052")],
};

/** @throws Error if the instructions are not there: another addon than the pinned one */
export function resumeBoth(name: string, addon: Buffer, target: Target): Buffer {
  return applyEdits(addon, EDITS[target], `${name}: the resuming of ${target}`);
}
