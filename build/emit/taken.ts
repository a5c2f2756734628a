/** Emits `takeField` of chains.ts: the request fields that features ask for, each by its number. */
import type { RouteUse, Value } from "../feature.ts";
import { literal, type Text } from "./text.ts";
import { isField } from "./values.ts";

/** @param fields in lower case, by their numbers */
export function emitTaken(out: Text, fields: readonly string[]): void {
  out.line();
  const unused = fields.length === 0 ? "_" : "";
  out.block(`export function takeField(${unused}name: string, ${unused}value: string): void {`, () => {
    if (fields.length === 0) return;
    out.block("switch (name.length) {", () => {
      for (const [length, same] of Map.groupBy(fields, (name) => name.length)) {
        out.line(`case ${length}:`);
        for (const name of same) out.line(`  if (name === ${literal(name)}) take(${fields.indexOf(name)}, value);`);
        out.line("  break;");
      }
      out.line("default:");
    });
  });
}

export function takesFields({ phases }: RouteUse): boolean {
  return Object.values(phases).some(({ data }) => hasField(data));
}

function hasField(value: Value): boolean {
  if (value === null || typeof value !== "object") return false;
  return isField(value) || Object.values(value).some(hasField);
}
