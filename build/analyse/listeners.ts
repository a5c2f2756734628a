/** Listeners: literal addresses with a port, each once; and the routes that are on them. */
import { didYouMean } from "../near-miss.ts";
import { type Draft, hasHoles } from "../schema/explain.ts";
import type { RouteEntry } from "../schema/routes.ts";
import { type AnalysisInput, routesOf } from "./input.ts";
import { parseAddress } from "./listen-address.ts";
import { adminListeners, routeListeners } from "./program.ts";

export function checkListeners(input: AnalysisInput): void {
  checkAddresses(input);
  const all = Object.keys(input.targetFile?.listeners ?? {});
  if (all.length === 0) return;
  const known = routeListeners(input);
  if (known.length === 0) input.target.error("HW1106", ["listeners"], "expected one that is not an admin listener");
  checkRoutes(input, all);
  checkUnserved(input, known);
}

/** Indexes into the target's listeners; undefined for any. Names that it does not have are left out. */
export function listenersOf(route: Draft<RouteEntry>, known: readonly string[]): readonly number[] | undefined {
  return route.listeners?.map((name) => (name === undefined ? -1 : known.indexOf(name))).filter((index) => index >= 0);
}

function checkRoutes(input: AnalysisInput, known: readonly string[]): void {
  for (const [index, { listeners }] of routesOf(input)) {
    const seen = new Set<string>();
    for (const [at, name] of (listeners ?? []).entries()) {
      if (name === undefined) continue;
      const path = ["routes", index, "listeners", at];
      const near = didYouMean(name, known) || `; it has ${known.join(", ")}`;
      if (!known.includes(name)) input.routes.error("HW1206", path, `the target has no listener "${name}"${near}`);
      else if (seen.has(name)) input.routes.error("HW1305", path, `the listener ${name} is here twice`);
      seen.add(name);
    }
  }
}

/** Left over where every route names its listeners. */
function checkUnserved(input: AnalysisInput, known: readonly string[]): void {
  const routes = routesOf(input);
  const whole = input.routesFile?.routes?.length === routes.length && !routes.some(([, route]) => hasHoles(route));
  if (!whole || routes.some(([, { listeners }]) => listeners === undefined)) return;
  const served = new Set(routes.flatMap(([, { listeners }]) => listeners));
  // One that was misspelt may have been meant.
  const admin = adminListeners(input);
  if ([...served].some((name) => name === undefined || !(known.includes(name) || admin.has(name)))) return;
  for (const name of known) {
    if (!served.has(name))
      input.target.error("HW1207", ["listeners", name], "no route is on this listener; remove it", "key");
  }
}

function checkAddresses(input: AnalysisInput): void {
  const seen = new Map<string, string>();
  for (const [name, listener] of Object.entries(input.targetFile?.listeners ?? {})) {
    if (listener?.address === undefined) continue;
    const path = ["listeners", name, "address"];
    const address = parseAddress(listener.address);
    if ("mistake" in address) {
      input.target.error("HW1306", path, address.mistake);
      continue;
    }
    const key = `${address.host} ${address.port} ${address.socketPath}`;
    const other = seen.get(key);
    if (other === undefined) seen.set(key, name);
    else
      input.target.error(
        "HW1307",
        path,
        `the listener "${other}" has this address, at ${input.target.place(["listeners", other, "address"])}`,
      );
  }
}
