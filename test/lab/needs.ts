/** What the lab needs of the machine it runs on. Where that is not there its tests are skipped, unless CI forbids it. */
import { existsSync } from "node:fs";

/** With it set, a lab that cannot run is a failure. */
const REQUIRED = "LAB_REQUIRED";

type Tool = readonly [file: string, debianPackage: string];

const TOOLS: readonly Tool[] = [
  ["/usr/sbin/debootstrap", "debootstrap"],
  ["/usr/bin/systemd-nspawn", "systemd-container"],
];

/** False, or why the tests of the lab are skipped. */
export const labMissing: string | false = whyNot(TOOLS);

/** False, or why tests that need these are skipped. */
export function whyNot(tools: readonly Tool[]): string | false {
  const missing = tools.filter(([file]) => !existsSync(file)).map(([, debianPackage]) => debianPackage);
  const reasons: string[] = [];
  if (process.getuid?.() !== 0) reasons.push("not root");
  if (missing.length > 0) reasons.push(`not installed: ${missing.join(", ")}`);
  if (reasons.length === 0) return false;
  const reason = `the device lab cannot run here: ${reasons.join("; ")}`;
  if (process.env[REQUIRED] !== undefined) throw new Error(reason);
  return reason;
}

/** The long form (make device-test); CI has the short one. */
export const isFull = process.env.LAB === "full";
/** False in it, else why a test is skipped. */
export const inFullForm: string | false = !isFull && "part of make device-test";
