/** Names: two routes of one name, routes to an upstream that is not there, upstreams that no route uses. */
import { didYouMean } from "../near-miss.ts";
import { hasHoles } from "../schema/explain.ts";
import { type AnalysisInput, routesOf, upstreamsOf } from "./input.ts";

export function checkNames(input: AnalysisInput): void {
  checkRouteNames(input);
  checkReferences(input);
  checkUnused(input);
}

function checkRouteNames(input: AnalysisInput): void {
  const first = new Map<string, number>();
  for (const [index, { name }] of routesOf(input)) {
    if (name === undefined) continue;
    const other = first.get(name);
    if (other === undefined) first.set(name, index);
    else {
      const place = input.routes.place(["routes", other, "name"]);
      input.routes.error(
        "HW1201",
        ["routes", index, "name"],
        `another route is named "${name}", at ${place}; choose another name`,
      );
    }
  }
}

function checkReferences(input: AnalysisInput): void {
  const known = Object.keys(input.routesFile?.upstreams ?? {});
  const isKnown = new Set(known);
  for (const [index, { upstream }] of routesOf(input)) {
    if (upstream === undefined || isKnown.has(upstream)) continue;
    const advice =
      didYouMean(upstream, known) || (known.length === 0 ? "; there are no upstreams" : `; known: ${few(known)}`);
    input.routes.error("HW1203", ["routes", index, "upstream"], `no upstream "${upstream}"${advice}`);
  }
}

function checkUnused(input: AnalysisInput): void {
  const routes = input.routesFile?.routes;
  // A route that is partly wrong may have meant any upstream.
  if (routes === undefined || routes.some((route) => route === undefined || hasHoles(route))) return;
  const used = new Set(routes.map((route) => route?.upstream));
  for (const wrong of used) {
    // Neither may one that was misspelt.
    if (wrong !== undefined && !Object.hasOwn(input.routesFile?.upstreams ?? {}, wrong)) return;
  }
  for (const [name, upstream] of upstreamsOf(input)) {
    if (used.has(name) || upstream.allow_unused === true || hasHoles(upstream)) continue;
    input.routes.error(
      "HW1202",
      ["upstreams", name],
      "no route uses this upstream; remove it, or set allow_unused: true",
      "key",
    );
  }
}

function few(names: readonly string[]): string {
  return names.length <= 8 ? names.join(", ") : `${names.slice(0, 8).join(", ")} and ${names.length - 8} more`;
}
