/**
 * The temporary folder of a test run, where packed binaries are shared by the files of the run. As the runner's global
 * setup (`--test-global-setup`) this module makes it before the first file and removes it after the last; a file that
 * is run alone has one of its own.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const VARIABLE = "HARDWIRE_TEST_FOLDER";

export function globalSetup(): void {
  process.env[VARIABLE] = makeFolder();
}

export function globalTeardown(): void {
  removeFolder(process.env[VARIABLE]!);
}

let own: string | undefined;

export function runFolder(): string {
  const shared = process.env[VARIABLE];
  if (shared !== undefined) return shared;
  if (own === undefined) {
    const folder = makeFolder();
    process.on("exit", () => removeFolder(folder));
    own = folder;
  }
  return own;
}

function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), "hardwire-test-"));
}

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
