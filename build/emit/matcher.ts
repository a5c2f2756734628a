/**
 * Emits matcher.ts: the function that finds a request's route, specialised for these routes.
 *
 * Precedence, among the routes whose host, path and method match (test/naive-matcher.ts says the same in ten lines):
 * 1. an exact path before a template before a prefix;
 * 2. of two templates, or two prefixes, the one with a literal where the other has a variable, at the first place
 *    where they differ; else the longer one. A pattern within another one thus always comes first;
 * 3. on equal paths a route that names the host before one for any host, then one that names methods.
 * So the path decides before the host does. A route whose method does not match is passed over.
 *
 * Each class of paths (exact; templates and prefixes) takes one of two forms:
 * - code, while it is small: comparisons written out, nothing allocated, nothing looked up;
 * - tables, from `codeMax` conditions on: a Map of exact paths, a tree over numbered segments. Ten thousand routes
 *   written out as code would be a function that V8 never optimises, slow to parse and slower to run than a lookup.
 *
 * The walk over segments knows where each variable starts and ends, should their values be needed some day.
 */
import type { Plan } from "../plan.ts";
import { emitExactCode, emitTreeCode } from "./matcher-code.ts";
import { emitExactTables, emitLeafTables, emitTreeTables, type Leaves } from "./matcher-tables.ts";
import { patternsOf, sizeOf } from "./patterns.ts";
import { literal, Text } from "./text.ts";

/** Up to this many conditions a class of paths becomes code; measured, see bench/matcher.ts. */
export interface CodeMax {
  readonly exact: number;
  readonly tree: number;
}
const CODE_MAX: CodeMax = { exact: 24, tree: 24 };

export function emitMatcher(out: Text, plan: Plan, codeMax: CodeMax = CODE_MAX): void {
  const exact = patternsOf(plan, "exact");
  const templates = patternsOf(plan, "template");
  const prefixes = patternsOf(plan, "prefix");
  const trees = [...templates, ...prefixes];
  const leaves: Leaves = { patterns: [] };
  const functions = new Text();
  const calls: string[] = [];

  if (exact.length > 0) {
    calls.push("matchExact");
    if (sizeOf(exact) <= codeMax.exact) emitExactCode(functions, exact);
    else emitExactTables(functions, exact, leaves);
  }
  if (trees.length > 0 && sizeOf(trees) > codeMax.tree) {
    calls.push("matchTree");
    emitTreeTables(functions, trees, leaves);
  } else {
    if (templates.length > 0) calls.push(emitTreeCode(functions, templates));
    if (prefixes.length > 0) calls.push(emitTreeCode(functions, prefixes));
  }
  if (leaves.patterns.length > 0) emitLeafTables(functions, plan, leaves);

  out.line("/** After `match` answered WRONG_METHOD: the bits of the methods that some route would have taken. */");
  out.line("export let allowedMethods = 0;").line();
  emitMatch(out, plan, calls);
  out.append(functions);
}

function emitMatch(out: Text, plan: Plan, calls: readonly string[]): void {
  const hostCheck = emitHosts(out, plan);
  const host = plan.routes.some((route) => route.hosts !== undefined) ? "host" : "_host";
  const [method, path] = calls.length > 0 ? ["method", "path"] : ["_method", "_path"];
  out.line("/** The number of a request's route, or NO_ROUTE (-1), WRONG_METHOD (-2), WRONG_HOST (-3). */");
  out.block(`export function match(${host}: string, ${method}: number, ${path}: string): number {`, () => {
    out.line("allowedMethods = 0;");
    if (hostCheck !== undefined) out.line(`if (!(${hostCheck})) return -3;`);
    if (calls.length > 0) out.line("let route: number;");
    for (const name of calls) {
      out.line(`route = ${name}(${host === "host" ? "host" : '""'}, method, path);`);
      out.line("if (route >= 0) return route;");
    }
    out.line("return allowedMethods === 0 ? -1 : -2;");
  });
}

/** The condition that some route has this host, or undefined if any host has a route. */
function emitHosts(out: Text, plan: Plan): string | undefined {
  const hosts = new Set<string>();
  for (const route of plan.routes) {
    if (route.hosts === undefined) return undefined;
    for (const host of route.hosts) hosts.add(host);
  }
  if (hosts.size === 0) return undefined;
  if (hosts.size <= 8) return [...hosts].map((host) => `host === ${literal(host)}`).join(" || ");
  out.block(
    "const hosts: ReadonlySet<string> = new Set([",
    () => {
      for (const host of hosts) out.line(`${literal(host)},`);
    },
    "]);",
  );
  out.line();
  return "hosts.has(host)";
}
