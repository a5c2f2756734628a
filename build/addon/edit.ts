/** Machine code that is exchanged in the packed copy of the addon: an input whose SHA-256 is pinned. */

export interface Edit {
  /** Offset in the file as published. */
  readonly at: number;
  readonly found: Buffer;
  readonly wanted: Buffer;
}

/** @param found @param wanted hexadecimal, as long as each other, with blanks between instructions */
export function edit(at: number, found: string, wanted: string): Edit {
  const bytes = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");
  return { at, found: bytes(found), wanted: bytes(wanted) };
}

/**
 * @param what the code does that is looked for
 * @throws Error if the instructions are not there: another addon than the pinned one
 */
export function applyEdits(addon: Buffer, edits: readonly Edit[], what: string): Buffer {
  const edited = Buffer.from(addon);
  for (const { at, found, wanted } of edits) {
    if (!edited.subarray(at, at + found.length).equals(found)) {
      throw new Error(`${what} is not where it was in the pinned addon`);
    }
    wanted.copy(edited, at);
  }
  return edited;
}
