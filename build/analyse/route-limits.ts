/** Limits of routes that the device's own are below: they never come to bear. Warnings, since other targets may differ. */
import { CLIENT_HEAD_BYTES_MAX, EXCHANGES_MAX, TARGET_SHARE } from "../schema/defaults.ts";
import { hasHoles } from "../schema/explain.ts";
import { parseSizeBytes, showSizeBytes } from "../schema/units.ts";
import type { Path } from "../source.ts";
import { type AnalysisInput, routesOf } from "./input.ts";

export function checkRouteLimits(input: AnalysisInput): void {
  const device = input.targetFile?.limits ?? {};
  if (hasHoles(device)) return;
  const head = device.header_bytes === undefined ? CLIENT_HEAD_BYTES_MAX : parseSizeBytes(device.header_bytes);
  const uri = device.uri === undefined ? Math.floor(head * TARGET_SHARE) : parseSizeBytes(device.uri);
  const { in_flight: exchanges = EXCHANGES_MAX } = device;
  const places: [path: Path, limits: { uri?: string | undefined; in_flight?: number | undefined } | undefined][] = [
    [["defaults", "limits"], input.routesFile?.defaults?.limits],
    ...routesOf(input).map(([index, { limits }]): (typeof places)[number] => [["routes", index, "limits"], limits]),
  ];
  for (const [path, limits] of places) {
    const { uri: ownUri, in_flight: ownExchanges } = limits ?? {};
    if (ownUri !== undefined && parseSizeBytes(ownUri) > uri) warn([...path, "uri"], "uri", showSizeBytes(uri));
    if (ownExchanges !== undefined && ownExchanges > exchanges)
      warn([...path, "in_flight"], "in_flight", String(exchanges));
  }

  function warn(path: Path, key: string, least: string): void {
    const message = `this has no effect on this target, whose limits.${key} is ${least}`;
    input.routes.warning("HW1902", path, message);
  }
}
