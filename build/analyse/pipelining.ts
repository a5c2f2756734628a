/** Pipelining: only what is safe (RFC 9110 9.2.1) shares a connection, so some route must let a safe method through. */
import { METHOD_BITS } from "../plan.ts";
import { hasHoles } from "../schema/explain.ts";
import { type AnalysisInput, routesOf, upstreamsOf } from "./input.ts";
import { methodBits } from "./methods.ts";

const SAFE = METHOD_BITS.GET! | METHOD_BITS.HEAD! | METHOD_BITS.OPTIONS!;

export function checkPipelining(input: AnalysisInput): void {
  for (const [name, { pipelining }] of upstreamsOf(input)) {
    if (pipelining === undefined) continue;
    const routes = routesOf(input).filter(([, route]) => route.upstream === name);
    // An upstream without routes is an error of its own, or is kept on purpose.
    if (routes.length === 0 || routes.some(([, { match }]) => mayBeSafe(match))) continue;
    input.routes.warning(
      "HW1902",
      ["upstreams", name, "pipelining"],
      "this has no effect, since no route to this upstream takes GET, HEAD or OPTIONS, and only those are pipelined",
      "key",
    );
  }
}

/** True also where the methods are wrong: what was meant is unknown. */
function mayBeSafe(match: { readonly methods?: readonly (string | undefined)[] | undefined } | undefined): boolean {
  const methods = match?.methods;
  if (match === undefined || hasHoles(match) || methods === undefined || methods.includes(undefined)) return true;
  return (methodBits(methods as readonly string[])! & SAFE) !== 0;
}
