/**
 * The matcher's table form, for many patterns (see matcher.ts).
 *
 * A leaf is a pattern that matched; its number leads to a list of routes for any host and, through `leafHosts`, to
 * lists for single hosts. The tree's edges lie in one Map under `node * segments + segment`, both numbers, so that a
 * request costs two lookups for each segment whatever the number of routes.
 */
import type { Plan } from "../plan.ts";
import { type NumberedRoute, type Pattern, type PatternNode, treeOf } from "./patterns.ts";
import { emitTypedArray, literal, type Text } from "./text.ts";

/** Patterns whose leaves are in tables; the index is the leaf's number. */
export interface Leaves {
  readonly patterns: Pattern[];
}

/** To be called before `emitTreeTables`: the index of an exact path is its leaf's number. */
export function emitExactTables(out: Text, patterns: readonly Pattern[], leaves: Leaves): void {
  out.line().line("/** The leaf of every exact path. */");
  emitNumbered(
    out,
    "exactPaths",
    patterns.map((pattern) => ({ text: `/${pattern.segments.join("/")}`, comment: sourcesOf(pattern.routes) })),
  );
  leaves.patterns.push(...patterns);
  out.line();
  out.block("function matchExact(host: string, method: number, path: string): number {", () => {
    out.line("const leaf = exactPaths.get(path);");
    out.line("return leaf === undefined ? -1 : pick(leaf, host, method);");
  });
}

interface Flat {
  readonly segments: Map<string, number>;
  /** Triples: node, segment, child. */
  readonly edges: number[];
  /** By node: the child for a variable, 0 for none (node 0 is a root, never a child). */
  readonly variables: number[];
  /** By node: the leaf, -1 for none. */
  readonly nodeLeaves: number[];
}

export function emitTreeTables(
  out: Text,
  templates: readonly Pattern[],
  prefixes: readonly Pattern[],
  leaves: Leaves,
): void {
  const flat: Flat = { segments: new Map(), edges: [], variables: [], nodeLeaves: [] };
  const templateRoot = templates.length > 0 ? flatten(treeOf(templates), flat, leaves) : -1;
  const prefixRoot = prefixes.length > 0 ? flatten(treeOf(prefixes), flat, leaves) : -1;

  out.line().line("/** Every literal segment of a template or prefix, numbered. */");
  const segments = [...flat.segments.keys()].map((text) => ({ text, comment: "" }));
  emitNumbered(out, "segments", segments);
  out.line("/** Node, segment, child. */");
  emitTypedArray(out, false, "edgeList", "Int32Array", flat.edges);
  out.line("const edges = new Map<number, number>();");
  out.block("for (let i = 0; i < edgeList.length; i += 3) {", () => {
    out.line(`edges.set(edgeList[i]! * ${flat.segments.size} + edgeList[i + 1]!, edgeList[i + 2]!);`);
  });
  out.line("/** By node: the child that a variable leads to, 0 for none. */");
  emitTypedArray(out, false, "variables", "Int32Array", flat.variables);
  out.line("/** By node: its leaf, -1 for none. */");
  emitTypedArray(out, false, "nodeLeaves", "Int32Array", flat.nodeLeaves);

  if (templates.length > 0) emitWalk(out, "Template", templateRoot, flat.segments.size);
  if (prefixes.length > 0) emitWalk(out, "Prefix", prefixRoot, flat.segments.size);
}

/** The walk: at most one visit to each node, since a node's depth fixes its place in the path. */
function emitWalk(out: Text, kind: "Template" | "Prefix", root: number, segmentCount: number): void {
  const prefix = kind === "Prefix";
  out.line();
  out.block(`function match${kind}(host: string, method: number, path: string): number {`, () => {
    out.line(`return walk${kind}(${root}, 1, host, method, path);`);
  });
  out.line();
  const parameters = "node: number, at: number, host: string, method: number, path: string";
  out.block(`function walk${kind}(${parameters}): number {`, () => {
    out.line('const slash = path.indexOf("/", at);');
    const inner = () => {
      out.line(`const end = ${prefix ? "slash" : "slash < 0 ? path.length : slash"};`);
      out.line("const segment = segments.get(path.slice(at, end));");
      out.block("if (segment !== undefined) {", () => {
        out.line(`const child = edges.get(node * ${segmentCount} + segment);`);
        out.block("if (child !== undefined) {", () => emitStep(out, kind, "child"));
      });
      out.line("const variable = variables[node]!;");
      out.block("if (variable !== 0 && end > at) {", () => emitStep(out, kind, "variable"));
    };
    if (prefix) {
      out.block("if (slash >= 0) {", inner);
      out.line("const leaf = nodeLeaves[node]!;");
      out.line("return leaf < 0 ? -1 : pick(leaf, host, method);");
    } else {
      inner();
      out.line("return -1;");
    }
  });
}

function emitStep(out: Text, kind: "Template" | "Prefix", node: string): void {
  if (kind === "Prefix") {
    out.line(`const route = walkPrefix(${node}, end + 1, host, method, path);`);
    out.line("if (route >= 0) return route;");
    return;
  }
  out.line(`const leaf = nodeLeaves[${node}]!;`);
  out.line("let route = -1;");
  out.line(`if (slash >= 0) route = walkTemplate(${node}, end + 1, host, method, path);`);
  out.line("else if (leaf >= 0) route = pick(leaf, host, method);");
  out.line("if (route >= 0) return route;");
}

/** Routes of each leaf: `lists[listStart[n] … listStart[n + 1])`, the leaves' own lists first, then those of hosts. */
export function emitLeafTables(out: Text, plan: Plan, leaves: Leaves): void {
  const lists: NumberedRoute[][] = [];
  for (const { routes } of leaves.patterns) lists.push(routes.filter(({ route }) => route.hosts === undefined));
  const byHost = leaves.patterns.map((pattern) => listsByHost(pattern, lists));
  const hasHosts = byHost.some((hosts) => hosts.size > 0);

  out.line().line("/** Methods of each route; 255 for any. */");
  emitTypedArray(
    out,
    false,
    "methods",
    "Uint8Array",
    plan.routes.map((route) => route.methods ?? 255),
  );
  const starts = [0];
  for (const list of lists) starts.push(starts.at(-1)! + list.length);
  out.line("/** Where each list of routes starts in `lists`. */");
  emitTypedArray(out, false, "listStarts", "Int32Array", starts);
  out.block(
    "const lists: Int32Array = new Int32Array([",
    () => {
      for (const { number, route } of lists.flat()) {
        out.comment(`${route.source} ${route.name}: ${route.path.text}`);
        out.line(`${number},`);
      }
    },
    "]);",
  );
  if (hasHosts) emitLeafHosts(out, byHost);
  emitPick(out, hasHosts);
}

/** For each host of a pattern the number of a new list: its routes in order. */
function listsByHost(pattern: Pattern, lists: NumberedRoute[][]): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const entry of pattern.routes) {
    for (const host of new Set(entry.route.hosts ?? [])) {
      const number = numbers.get(host);
      if (number !== undefined) lists[number]!.push(entry);
      else numbers.set(host, lists.push([entry]) - 1);
    }
  }
  return numbers;
}

function emitLeafHosts(out: Text, byHost: readonly ReadonlyMap<string, number>[]): void {
  out.line("/** By leaf: the list of each host that some of its routes name. */");
  out.line("const leafHosts = new Map<number, ReadonlyMap<string, number>>();");
  byHost.forEach((hosts, leaf) => {
    if (hosts.size === 0) return;
    const entries = [...hosts].map(([host, list]) => `[${literal(host)}, ${list}]`);
    out.line(`leafHosts.set(${leaf}, new Map([${entries.join(", ")}]));`);
  });
}

function emitPick(out: Text, hasHosts: boolean): void {
  out.line();
  out.block(`function pick(leaf: number, ${hasHosts ? "host" : "_host"}: string, method: number): number {`, () => {
    if (hasHosts) {
      out.line("const list = leafHosts.get(leaf)?.get(host);");
      out.block("if (list !== undefined) {", () => {
        out.line("const route = pickFrom(list, method);");
        out.line("if (route >= 0) return route;");
      });
    }
    out.line("return pickFrom(leaf, method);");
  });
  out.line();
  out.block("function pickFrom(list: number, method: number): number {", () => {
    out.block("for (let i = listStarts[list]!; i < listStarts[list + 1]!; i++) {", () => {
      out.line("const route = lists[i]!;");
      out.line("if ((methods[route]! & method) !== 0) return route;");
      out.line("allowedMethods |= methods[route]!;");
    });
    out.line("return -1;");
  });
}

function flatten(node: PatternNode, flat: Flat, leaves: Leaves): number {
  const number = flat.nodeLeaves.length;
  flat.nodeLeaves.push(node.pattern === undefined ? -1 : leaves.patterns.push(node.pattern) - 1);
  flat.variables.push(0);
  for (const [text, child] of node.literals) {
    let segment = flat.segments.get(text);
    if (segment === undefined) {
      segment = flat.segments.size;
      flat.segments.set(text, segment);
    }
    flat.edges.push(number, segment, flatten(child, flat, leaves));
  }
  if (node.variable !== undefined) flat.variables[number] = flatten(node.variable, flat, leaves);
  return number;
}

/** A Map from each text to its index. */
function emitNumbered(out: Text, name: string, entries: readonly { text: string; comment: string }[]): void {
  out.block(
    `const ${name}: ReadonlyMap<string, number> = new Map(`,
    () => {
      out.block(
        "[",
        () => {
          for (const { text, comment } of entries) {
            if (comment !== "") out.comment(comment);
            out.line(`${literal(text)},`);
          }
        },
        "].map((text, index): [string, number] => [text, index]),",
      );
    },
    ");",
  );
}

function sourcesOf(routes: readonly NumberedRoute[]): string {
  return routes.map(({ route }) => `${route.source} ${route.name}`).join(", ");
}
