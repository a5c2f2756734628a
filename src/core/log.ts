/** The device program's own words: one line each on standard error, for the journal or a terminal. */
import { writeSync } from "node:fs";
import { name } from "#generated/tables.ts";

export function logLine(text: string): void {
  try {
    writeSync(2, `${name}: ${text}\n`);
  } catch {
    // Standard error may be closed or full; serving goes on without it.
  }
}
