/** The matcher that a build would generate for a plan, in the form that is asked for, loaded. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type CodeMax, emitMatcher } from "../build/emit/matcher.ts";
import { Text } from "../build/emit/text.ts";
import type { Plan } from "../build/plan.ts";
import type { NaiveRequest } from "./naive-matcher.ts";

/** Code only, tables only, and whatever the emitter itself would take. */
export const FORMS: Readonly<Record<string, CodeMax | undefined>> = {
  code: { exact: Number.POSITIVE_INFINITY, tree: Number.POSITIVE_INFINITY },
  tables: { exact: 0, tree: 0 },
  chosen: undefined,
};

type Module = typeof import("../src/generated/matcher.ts");
export type Matcher = (request: NaiveRequest) => { readonly route: number; readonly allowed: number };

const dir = mkdtempSync(join(tmpdir(), "hardwire-matcher-"));
process.once("exit", () => rmSync(dir, { recursive: true }));
let loaded = 0;

export async function loadMatcher(plan: Plan, form: string): Promise<Module> {
  const out = new Text();
  emitMatcher(out, plan, FORMS[form]);
  const text = out.toString();
  const isTables = /\blistStarts\b/.test(text);
  const hasPaths = plan.routes.some(({ path }) => path.kind !== "regex");
  if (form !== "chosen" && hasPaths) assert.equal(isTables, form === "tables", `not ${form}:\n${text}`);
  const file = join(dir, `matcher-${loaded++}.ts`);
  writeFileSync(file, text);
  return (await import(pathToFileURL(file).href)) as Module;
}

export async function generated(plan: Plan, form: string): Promise<Matcher> {
  const module = await loadMatcher(plan, form);
  return ({ listener, host, method, path, query, fields }) => {
    const req = { getHeader: (name: string) => fields[name] ?? "" };
    const route = module.match(listener, host, method, path, query, req);
    return { route, allowed: route === -2 ? module.allowedMethods : 0 };
  };
}
