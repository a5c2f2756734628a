/** Methods: each once in a list; and the bits by which the device compares them. */
import { METHOD_BITS, METHOD_OTHER } from "../plan.ts";
import { type AnalysisInput, routesOf } from "./input.ts";

export function checkMethods(input: AnalysisInput): void {
  for (const [index, { match }] of routesOf(input)) {
    const seen = new Set<string>();
    for (const [at, method] of (match?.methods ?? []).entries()) {
      if (method === undefined) continue;
      if (seen.has(method))
        input.routes.error("HW1305", ["routes", index, "match", "methods", at], `${method} is here twice`);
      seen.add(method);
    }
  }
}

/** GET includes HEAD (RFC 9110 9.3.2); undefined for any method. */
export function methodBits(methods: readonly string[] | undefined): number | undefined {
  if (methods === undefined) return undefined;
  return methods.reduce((bits, method) => bits | METHOD_BITS[method]! | (method === "GET" ? METHOD_BITS.HEAD! : 0), 0);
}

/** The methods of some bits, for messages. */
export function nameMethods(bits: number): string {
  const names = Object.keys(METHOD_BITS).filter((method) => (bits & METHOD_BITS[method]!) !== 0);
  return (bits & METHOD_OTHER) !== 0 ? "any method" : names.join(", ");
}
