/**
 * Emits `dropsRequestField` and `dropsResponseField`: which fields a route's features take out of a head. One function
 * for each distinct set of names, deciding by length first; names of answers come as bytes in any case.
 */
import type { Plan } from "../plan.ts";
import { emitTypedArray, literal, type Text } from "./text.ts";

type Side = "dropRequestFields" | "dropResponseFields";

export function emitDrops(out: Text, plan: Plan, side: Side): void {
  const request = side === "dropRequestFields";
  const exported = request ? "dropsRequestField" : "dropsResponseField";
  const sets = new Map<string, number>();
  const setOfRoute = plan.routes.map((route) => {
    const names = new Set([...route.uses.values()].flatMap((use) => use[side] ?? []));
    if (names.size === 0) return 0;
    const key = JSON.stringify([...names].sort());
    let number = sets.get(key);
    if (number === undefined) {
      number = sets.size + 1;
      sets.set(key, number);
    }
    return number;
  });
  const parameters = request ? "name: string" : "bytes: Uint8Array, start: number, end: number";
  const pass = request ? "name" : "bytes, start, end";
  for (const [key, number] of sets) {
    out.line();
    out.block(`function ${exported}_${number}(${parameters}): boolean {`, () => {
      emitLengths(out, JSON.parse(key) as string[], request);
    });
  }

  const distinct = [...new Set(setOfRoute)].sort((a, b) => a - b);
  out.line();
  if (distinct.length <= 1) {
    const only = distinct[0] ?? 0;
    const unused = request ? "_name: string" : "_bytes: Uint8Array, _start: number, _end: number";
    out.block(`export function ${exported}(_route: number, ${only === 0 ? unused : parameters}): boolean {`, () => {
      out.line(only === 0 ? "return false;" : `return ${exported}_${only}(${pass});`);
    });
    return;
  }
  emitTypedArray(out, false, `${exported}Set`, distinct.at(-1)! < 256 ? "Uint8Array" : "Uint16Array", setOfRoute);
  out.block(`export function ${exported}(route: number, ${parameters}): boolean {`, () => {
    out.block(`switch (${exported}Set[route]) {`, () => {
      for (const number of distinct)
        if (number !== 0) out.line(`case ${number}: return ${exported}_${number}(${pass});`);
      out.line("default: return false;");
    });
  });
}

function emitLengths(out: Text, names: readonly string[], request: boolean): void {
  const byLength = Map.groupBy(names, (name) => name.length);
  out.block(`switch (${request ? "name.length" : "end - start"}) {`, () => {
    for (const [length, same] of [...byLength].sort(([a], [b]) => a - b)) {
      const tests = same.map((name) => (request ? `name === ${literal(name)}` : bytesEqual(name)));
      out.line(`case ${length}:`);
      out.line(
        `  return ${tests.length === 1 || request ? tests.join(" || ") : tests.map((test) => `(${test})`).join(" || ")};`,
      );
    }
    out.line("default:").line("  return false;");
  });
}

/** Setting bit 5 makes capital letters small, and no other byte of a token a letter. */
function bytesEqual(name: string): string {
  return [...Buffer.from(name, "latin1")]
    .map((byte, i) => {
      const at = `bytes[start${i === 0 ? "" : ` + ${i}`}]!`;
      const small = byte >= 0x61 && byte <= 0x7a;
      return small ? `(${at} | 32) === ${byte}` : `${at} === ${byte}`;
    })
    .join(" && ");
}
