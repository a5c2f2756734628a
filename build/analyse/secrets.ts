/**
 * Literals that look like secrets. They would be in every executable, readable by whoever has one; `{credential.NAME}` in
 * a header says what a device is given when it runs. Every text of both files is looked at, whether its key is known or
 * not.
 */
import type { Problems } from "../diagnostics.ts";
import { findNamedSecret, findSecret } from "../secrets.ts";
import { isMapping, type Path } from "../source.ts";
import type { AnalysisInput } from "./input.ts";

export function checkSecrets({ routes, target }: AnalysisInput): void {
  visit(routes, routes.source.value, []);
  const { value } = target.source;
  // Overrides have their place in the routes already.
  if (isMapping(value)) visit(target, { ...value, overrides: undefined }, []);
}

function visit(problems: Problems, value: unknown, path: Path): void {
  if (typeof value === "string") judge(problems, value, path);
  else if (Array.isArray(value)) value.forEach((item, i) => void visit(problems, item, [...path, i]));
  else if (isMapping(value)) for (const [key, part] of Object.entries(value)) visit(problems, part, [...path, key]);
}

function judge(problems: Problems, text: string, path: Path): void {
  if (isEndpoint(path)) return;
  const name = path.findLast((part) => typeof part === "string") ?? "";
  const what = findSecret(text) ?? findNamedSecret(String(name), text);
  if (what === undefined) return;
  const message = `this looks like ${what}; whoever has the executable could read it, and so nothing secret stands in these files${advice(path)}`;
  problems.error("HW1309", path, message, "hidden");
}

/** analyse/endpoints.ts says what is wrong with a password there. */
function isEndpoint(path: Path): boolean {
  return path[0] === "upstreams" && path[2] === "endpoints" && path[4] === "url";
}

/** Where the language has something else to write. */
function advice(path: Path): string {
  const inHeaders = path.includes("request_headers") || path.includes("response_headers");
  return inHeaders ? "; {credential.NAME} is filled in from a file of the device" : "";
}
