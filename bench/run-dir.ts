/** A folder for one run, gone when this process ends: by itself, by an error, or by a signal. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export function makeRunDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "hardwire-bench-"));
  process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
  // What was started ends with us (processes.ts).
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
    ["SIGHUP", 1],
  ] as const) {
    process.on(signal, () => process.exit(128 + number));
  }
  return dir;
}
