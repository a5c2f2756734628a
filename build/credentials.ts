/** The credentials that a program reads when it runs: those that its features' templates name. */
import type { RouteUse, Value } from "./feature.ts";
import { partsOfChecked } from "./template.ts";

/** Names, each once, sorted; their order is their number on the device. */
export function credentialsIn(uses: readonly RouteUse[]): string[] {
  const names = uses.flatMap(({ phases }) => Object.values(phases).flatMap(({ data }) => namesIn(data)));
  return [...new Set(names)].sort();
}

function namesIn(value: Value): string[] {
  if (value === null || typeof value !== "object") return [];
  if ("kind" in value && value.kind === "template") {
    return partsOfChecked(String(value.text)).flatMap((part) => ("credential" in part ? [part.credential] : []));
  }
  return Object.values(value).flatMap(namesIn);
}
