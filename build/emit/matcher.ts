/**
 * Emits matcher.ts: the function that finds a request's route, specialised for these routes.
 *
 * Precedence, among the routes whose listener, host, path, method and conditions match (test/naive-matcher.ts says the
 * same in a few lines):
 * 1. an exact path before a template before a prefix before a path_regex;
 * 2. of two templates, or two prefixes, the one with a literal where the other has a variable, at the first place
 *    where they differ; else the longer one. A pattern within another one thus always comes first, as it does among
 *    path_regex;
 * 3. on equal paths the more specific host: a name, then the wildcard with more labels, then any;
 * 4. then a route that names listeners, one that names methods, the one with more conditions on fields and query, and
 *    the one whose conditions are narrower.
 * So the path decides before the host does. A route whose method does not match is passed over.
 *
 * Each class of paths (exact; templates and prefixes; for path_regex see matcher-regex.ts) takes one of two forms:
 * - code, while it is small: comparisons written out, nothing allocated, nothing looked up;
 * - tables, from `codeMax` conditions on: a table of exact paths, a tree over numbered segments. Ten thousand routes
 *   written out as code would be a function that V8 never optimises, slow to parse and slower to run than a lookup.
 *
 * The walk over segments knows where each variable starts and ends, should their values be needed some day.
 */
import { narrowestFirst, patternsOf, sizeOf } from "../match/patterns.ts";
import type { Plan } from "../plan.ts";
import { emitExactCode, emitTreeCode } from "./matcher-code.ts";
import { Asked, emitAsked, usesListeners } from "./matcher-conditions.ts";
import { emitHostCheck, Hosts } from "./matcher-hosts.ts";
import { emitRegexes } from "./matcher-regex.ts";
import { emitExactTables, emitLeafTables, emitTreeTables, type Leaves } from "./matcher-tables.ts";
import { emitTextsCommon } from "./matcher-texts.ts";
import { Text } from "./text.ts";

/** Up to this many conditions a class of paths becomes code; measured, see bench/matcher.ts. */
export interface CodeMax {
  readonly exact: number;
  readonly tree: number;
}
const CODE_MAX: CodeMax = { exact: 24, tree: 24 };

export function emitMatcher(out: Text, plan: Plan, codeMax: CodeMax = CODE_MAX): void {
  const exact = patternsOf(plan.routes, "exact");
  const templates = patternsOf(plan.routes, "template");
  const prefixes = patternsOf(plan.routes, "prefix");
  const regexes = narrowestFirst(patternsOf(plan.routes, "regex"));
  const trees = [...templates, ...prefixes];
  const leaves: Leaves = { patterns: [] };
  const asked = new Asked(plan);
  const functions = new Text();
  const calls: string[] = [];

  if (exact.length > 0) {
    calls.push("matchExact");
    if (sizeOf(exact) <= codeMax.exact) emitExactCode(functions, exact, asked);
    else emitExactTables(functions, exact, leaves);
  }
  if (trees.length > 0 && sizeOf(trees) > codeMax.tree) {
    calls.push("matchTree");
    emitTreeTables(functions, trees, leaves);
  } else {
    if (templates.length > 0) calls.push(emitTreeCode(functions, templates, asked));
    if (prefixes.length > 0) calls.push(emitTreeCode(functions, prefixes, asked));
  }
  if (regexes.length > 0) {
    calls.push("matchRegex");
    emitRegexes(functions, regexes, asked);
  }
  const hasTables = leaves.patterns.length > 0;
  const hosts = new Hosts(plan, hasTables);
  if (hasTables) emitLeafTables(functions, plan, leaves, hosts, asked);

  out.line("/** After `match` answered WRONG_METHOD: the bits of the methods that some route would have taken. */");
  out.line("export let allowedMethods = 0;").line();
  emitAsked(out, asked);
  emitMatch(out, plan, calls, hosts);
  if (hasTables) emitTextsCommon(out);
  out.append(functions);
}

function emitMatch(out: Text, plan: Plan, calls: readonly string[], hosts: Hosts): void {
  const check = emitHostCheck(out, hosts);
  const hasHosts = plan.routes.some((route) => route.hosts !== undefined);
  const names = (on: string) => plan.routes.some((route) => route.conditions.some((condition) => condition.on === on));
  const [byField, byParameter, byListener] = [names("field"), names("parameter"), usesListeners(plan)];
  const parameter = (used: boolean, name: string) => (used ? name : `_${name}`);
  const parameters = [
    `${parameter(byListener, "listener")}: number`,
    `${parameter(hasHosts, "host")}: string`,
    `${parameter(calls.length > 0, "method")}: number`,
    `${parameter(calls.length > 0, "path")}: string`,
    `${parameter(byParameter, "query")}: string`,
    `${parameter(byField, "req")}: FieldReader`,
  ];
  out.line("/** The number of a request's route, or NO_ROUTE (-1), WRONG_METHOD (-2), WRONG_HOST (-3). */");
  out.block(`export function match(${parameters.join(", ")}): number {`, () => {
    out.line("allowedMethods = 0;");
    if (byListener) out.line("listenerNow = listener;");
    if (byField) out.line("forgetFields(req);");
    if (byParameter) out.line("forgetParameters(query);");
    if (hosts.isTable) out.line("readHost(host);");
    if (check !== undefined) out.line(`if (!(${check})) return -3;`);
    if (calls.length > 0) out.line("let route: number;");
    for (const name of calls) {
      out.line(`route = ${name}(${hasHosts ? "host" : '""'}, method, path);`);
      out.line("if (route >= 0) return route;");
    }
    out.line("return allowedMethods === 0 ? -1 : -2;");
  });
}
