/**
 * Makes the packed copy of the addon close a connection that sends a further request while answers before it are unsent.
 *
 * As published it appends every answer that the kernel does not take to a string without end, so a client that asks and
 * never reads takes all memory: 88 MB in 6 s were seen. There is no setting for it, and what a connection has unsent
 * shows nowhere in JavaScript. A client that does not pipeline has read the whole answer before it asks again, so for
 * it that string is empty; whoever pipelines is closed already, by a test of one bit ("an answer is pending") where a
 * request begins. This joins the string's length to that test, so that no more than one answer is ever unsent.
 *
 * Only ever done to an input whose SHA-256 is pinned, at places that have just these instructions.
 */
import type { Target } from "../pins.ts";
import { applyEdits, type Edit, edit } from "./edit.ts";

/** In the handler of HttpContext<false>'s requests; s is the socket, its state at 0xec, the unsent length at 0x38. */
const EDITS: Readonly<Record<Target, readonly Edit[]>> = {
  "linux-x64": [
    edit(
      0x112382,
      // mov qword [s+0xe0], 0; test byte [s+0xec], 8; jne close; mov dword [s+0xec], 8
      "48c786e000000000000000 f686ec00000008 0f85e5010000 c786ec00000008000000",
      // mov eax, [s+0xec]; and eax, 8; or eax, [s+0x38]; jne close; mov [s+0xe0], rax; mov al, 8; mov [s+0xec], eax; nop
      "8b86ec000000 83e008 0b4638 0f85eb010000 488986e0000000 b008 8986ec000000 90",
    ),
  ],
  "linux-arm64": [
    // tbnz w9, #3, close → b, to between two functions
    edit(0x10a190, "290d1837", "fe00ff17"),
    edit(
      0xca588,
      "1f2003d5 1f2003d5 1f2003d5 1f2003d5 1f2003d5",
      // ldr w10, [s, #0x38]; and w9, w9, #8; orr w9, w9, w10; cbnz w9, close; b back
      "2a3840b9 29011d12 29010a2a 09ed1f35 fffe0014",
    ),
  ],
};

/** @throws Error if the instructions are not there: another addon than the pinned one */
export function boundAnswers(name: string, addon: Buffer, target: Target): Buffer {
  return applyEdits(addon, EDITS[target], `${name}: the request handler of ${target}`);
}
