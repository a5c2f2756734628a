/** Limits of the request head: a path cannot be allowed to be longer than the head it stands in. */
import { CLIENT_HEAD_BYTES_MAX } from "../schema/defaults.ts";
import { parseSizeBytes } from "../schema/units.ts";
import type { AnalysisInput } from "./input.ts";

export function checkHeadLimits({ targetFile, target }: AnalysisInput): void {
  const limits = targetFile?.limits;
  if (limits?.uri === undefined) return;
  // Present but undefined: it was wrong, and what was meant is unknown.
  if ("header_bytes" in limits && limits.header_bytes === undefined) return;
  const isDefault = limits.header_bytes === undefined;
  const head = limits.header_bytes ?? `${CLIENT_HEAD_BYTES_MAX / 1024}KiB`;
  if (parseSizeBytes(limits.uri) <= parseSizeBytes(head)) return;
  target.error(
    "HW1407",
    ["limits", "uri"],
    `${limits.uri} is more than ${isDefault ? "the default of " : ""}header_bytes, ${head}, and path and query are part of the head`,
  );
}
