/**
 * The matcher's table form, for many patterns (see matcher.ts).
 *
 * A leaf is a pattern that matched; its number leads to a list of routes for any host and, through `hostLists`, to
 * lists for single hosts and wildcards. Templates and prefixes share one tree and one walk: a template returns at once, prefixes are
 * noted on the way out, longest first, and tried after it. The tree's edges lie in one open-addressed table of
 * numbers, so that a request costs one look for each segment and little more, whatever the number of routes.
 */
import { type Choice, type Pattern, type PatternNode, treeOf } from "../match/patterns.ts";
import type { Condition, Plan, PlannedRoute } from "../plan.ts";
import { type Asked, describeConditions } from "./matcher-conditions.ts";
import type { Hosts } from "./matcher-hosts.ts";
import { emitTexts } from "./matcher-texts.ts";
import { emitTypedArray, literal, type Text } from "./text.ts";

/** Patterns whose leaves are in tables; the index is the leaf's number. */
export interface Leaves {
  readonly patterns: Pattern<PlannedRoute>[];
}

/** To be called before `emitTreeTables`: the index of an exact path is its leaf's number. */
export function emitExactTables(out: Text, patterns: readonly Pattern<PlannedRoute>[], leaves: Leaves): void {
  out.line().line("/** The leaf of every exact path. */");
  emitTexts(
    out,
    "exactPaths",
    patterns.map((pattern) => ({ text: `/${pattern.segments.join("/")}`, comment: sourcesOf(pattern) })),
  );
  leaves.patterns.push(...patterns);
  out.line();
  out.block("function matchExact(_host: string, method: number, path: string): number {", () => {
    out.line("let hash = EMPTY_HASH;");
    out.line("for (let i = 0; i < path.length; i++) hash = mix(hash, path.charCodeAt(i));");
    out.line("const leaf = exactPathsNumber(path, 0, path.length, hash);");
    out.line("return leaf < 0 ? -1 : pick(leaf, method);");
  });
}

interface Flat {
  readonly segments: Map<string, number>;
  /** Triples: node, segment, child. Node 0 is the root, never a child. */
  readonly edges: number[];
  /** By node: the child for a variable, 0 for none. */
  readonly variables: number[];
  /** By node: the leaf of the template, and of the prefix, that ends there; -1 for none. */
  readonly templateLeaves: number[];
  readonly prefixLeaves: number[];
}

export function emitTreeTables(out: Text, patterns: readonly Pattern<PlannedRoute>[], leaves: Leaves): void {
  const flat: Flat = { segments: new Map(), edges: [], variables: [], templateLeaves: [], prefixLeaves: [] };
  flatten(treeOf(patterns), flat, leaves);
  out.line().line("/** Every literal segment of a template or prefix, numbered. */");
  emitTexts(
    out,
    "segments",
    [...flat.segments.keys()].map((text) => ({ text, comment: "" })),
  );
  out.line("/** By node: the child that a variable leads to, 0 for none. */");
  emitTypedArray(out, false, "variables", "Int32Array", flat.variables);
  out.line("/** By node: the leaf of the template, and of the prefix, that ends there; -1 for none. */");
  emitTypedArray(out, false, "templateLeaves", "Int32Array", flat.templateLeaves);
  emitTypedArray(out, false, "prefixLeaves", "Int32Array", flat.prefixLeaves);
  emitEdges(out, flat.edges);
  out.line();
  const prefixes = patterns.filter(({ kind }) => kind === "prefix").length;
  for (const line of WALK) out.line(line.replace("PREFIXES", String(prefixes)));
}

function emitEdges(out: Text, edges: readonly number[]): void {
  // At most half full, so that a search ends after a step or two.
  const slots = 2 ** Math.ceil(Math.log2(edges.length / 3 + 1) + 1);
  out.line("/** Node, segment, child. */");
  emitTypedArray(out, false, "edges", "Int32Array", edges);
  out.line();
  for (const line of EDGES) out.line(line.replace("SLOTS", String(slots)).replace("MASK", String(slots - 1)));
}

/** The same for all routes. */
const EDGES = `/** The same triples, each at its hash or the next free place behind it; child 0 for a free place. */
const edgeSlots: Int32Array = new Int32Array(SLOTS * 3);
for (let i = 0; i < edges.length; i += 3) {
  let slot = hash(edges[i]!, edges[i + 1]!);
  while (edgeSlots[slot * 3 + 2] !== 0) slot = (slot + 1) & MASK;
  edgeSlots.set(edges.subarray(i, i + 3), slot * 3);
}

function hash(node: number, segment: number): number {
  const mixed = Math.imul(node, 0x9e3779b1) ^ Math.imul(segment, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) & MASK;
}

/** The child, or 0. */
function childOf(node: number, segment: number): number {
  for (let slot = hash(node, segment); ; slot = (slot + 1) & MASK) {
    const child = edgeSlots[slot * 3 + 2]!;
    if (child === 0 || (edgeSlots[slot * 3] === node && edgeSlots[slot * 3 + 1] === segment)) return child;
  }
}`.split("\n");

/** At most one visit to each node, since a node's depth fixes its place in the path. */
const WALK = `/** Leaves of the prefixes that the walk passed, longest first. */
const passed: Int32Array = new Int32Array(PREFIXES);
let passedCount = 0;

function matchTree(_host: string, method: number, path: string): number {
  passedCount = 0;
  const route = walk(0, 1, method, path);
  if (route >= 0) return route;
  for (let i = 0; i < passedCount; i++) {
    const route = pick(passed[i]!, method);
    if (route >= 0) return route;
  }
  return -1;
}

/** Where the segment that was read last ends. */
let segmentEnd = 0;

/** The number of the segment that starts at \`at\`, or -1. */
function readSegment(path: string, at: number): number {
  let hash = EMPTY_HASH;
  let end = at;
  for (; end < path.length; end++) {
    const code = path.charCodeAt(end);
    if (code === 0x2f) break;
    hash = mix(hash, code);
  }
  segmentEnd = end;
  return segmentsNumber(path, at, end, hash);
}

function walk(node: number, at: number, method: number, path: string): number {
  const segment = readSegment(path, at);
  const end = segmentEnd;
  const slash = end < path.length ? end : -1;
  if (segment >= 0) {
    const child = childOf(node, segment);
    if (child !== 0) {
      const route = step(child, slash, method, path);
      if (route >= 0) return route;
    }
  }
  const variable = variables[node]!;
  if (variable !== 0 && end > at) {
    const route = step(variable, slash, method, path);
    if (route >= 0) return route;
  }
  const prefix = prefixLeaves[node]!;
  if (prefix >= 0) passed[passedCount++] = prefix;
  return -1;
}

function step(node: number, slash: number, method: number, path: string): number {
  if (slash >= 0) return walk(node, slash + 1, method, path);
  const leaf = templateLeaves[node]!;
  return leaf < 0 ? -1 : pick(leaf, method);
}`.split("\n");

/** Routes of each leaf: `lists[listStarts[n] … listStarts[n + 1])`, the leaves' own lists first, then those of hosts. */
export function emitLeafTables(out: Text, plan: Plan, leaves: Leaves, hosts: Hosts, asked: Asked): void {
  const lists: Choice<PlannedRoute>[][] = [];
  for (const { choices } of leaves.patterns) lists.push(choices.filter((choice) => choice.hosts === undefined));
  const hostLists = leaves.patterns.flatMap((pattern, leaf) =>
    [...listsByHost(pattern, lists)].map(([host, list]) => [leaf, hosts.numberOf(host), list]),
  );
  const column = (name: string, type: string, why: string, numbers: readonly number[]) => {
    out.line(`/** ${why} */`);
    emitTypedArray(out, false, name, type, numbers);
  };

  out.line();
  column(
    "methods",
    "Uint8Array",
    "Methods of each route; 255 for any.",
    plan.routes.map((route) => route.methods ?? 255),
  );
  const starts = [0];
  for (const list of lists) starts.push(starts.at(-1)! + list.length);
  column("listStarts", "Int32Array", "Where each list of routes starts in `lists`.", starts);
  out.block(
    "const lists: Int32Array = new Int32Array([",
    () => {
      for (const { number, route } of lists.flat()) {
        out.comment(`${route.source} ${route.name}: ${route.path.text}${describeConditions(route.conditions)}`);
        out.line(`${number},`);
      }
    },
    "]);",
  );
  if (hostLists.length > 0) {
    column("hostTriples", "Int32Array", "Leaf, host, list.", hostLists.flat());
    for (const line of HOST_LISTS) out.line(line.replaceAll("HOSTS", String(hosts.patterns.length)));
  }
  if (asked.byListener) emitListenerTable(out, plan);
  const conditional = plan.routes.some((route) => route.conditions.length > 0);
  if (conditional) emitConditionTables(out, plan, asked);
  emitPick(out, hostLists.length > 0 ? hosts.patterns.length : 0, [
    ...(asked.byListener ? [`onListener[route * ${plan.listeners.length} + listenerNow] === 0`] : []),
    ...(conditional ? ["!holds(route)"] : []),
  ]);
}

/** For each host of a pattern the number of a new list: its routes in order. */
function listsByHost(pattern: Pattern<PlannedRoute>, lists: Choice<PlannedRoute>[][]): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const choice of pattern.choices) {
    for (const host of choice.hosts ?? []) {
      const number = numbers.get(host);
      if (number !== undefined) lists[number]!.push(choice);
      else numbers.set(host, lists.push([choice]) - 1);
    }
  }
  return numbers;
}

const HOST_LISTS = `/** By leaf and host: its list. */
const hostLists = new Map<number, number>();
for (let i = 0; i < hostTriples.length; i += 3) {
  hostLists.set(hostTriples[i]! * HOSTS + hostTriples[i + 1]!, hostTriples[i + 2]!);
}`.split("\n");

function emitListenerTable(out: Text, { routes, listeners }: Plan): void {
  const cells = routes.flatMap((route) =>
    listeners.map((_, number) => (route.listeners?.includes(number) === false ? 0 : 1)),
  );
  out.line("/** For each route, by listener: whether it is on it. */");
  emitTypedArray(out, false, "onListener", "Uint8Array", cells);
}

const TESTS: readonly Condition["test"][] = ["exact", "prefix", "present", "absent"];

function emitConditionTables(out: Text, { routes }: Plan, asked: Asked): void {
  const texts = new Map<string, number>();
  const numberOf = (text: string) => {
    if (!texts.has(text)) texts.set(text, texts.size);
    return texts.get(text)!;
  };
  const starts = [0];
  const rows: number[] = [];
  for (const { conditions } of routes) {
    for (const condition of conditions) {
      const kind = TESTS.indexOf(condition.test) + (condition.on === "field" ? 0 : TESTS.length);
      rows.push(kind, asked.numberOf(condition), numberOf(condition.value));
    }
    starts.push(rows.length);
  }
  out.line("/** Where the conditions of each route start in `conditions`. */");
  emitTypedArray(out, false, "conditionStarts", "Int32Array", starts);
  out.line(
    "/** Test (exact, prefix, present, absent, of a field; the same of a parameter), number of the name, of the text. */",
  );
  emitTypedArray(out, false, "conditions", "Int32Array", rows);
  out.block(
    "const texts: readonly string[] = [",
    () => {
      for (const text of texts.keys()) out.line(`${literal(text)},`);
    },
    "];",
  );
  const uses = (list: readonly string[], code: string) => (list.length > 0 ? code : "null");
  const value = `kind < ${TESTS.length} ? ${uses(asked.fields, "field(name) || null")} : ${uses(asked.parameters, "parameter(name)")}`;
  out.line();
  for (const line of HOLDS) out.line(line.replace("VALUE", value));
}

const HOLDS = `function holds(route: number): boolean {
  for (let i = conditionStarts[route]!; i < conditionStarts[route + 1]!; i += 3) {
    const kind = conditions[i]!;
    const name = conditions[i + 1]!;
    if (!meets(kind & 3, VALUE, texts[conditions[i + 2]!]!)) return false;
  }
  return true;
}

function meets(test: number, value: string | null, text: string): boolean {
  if (value === null) return test === 3;
  return test === 0 ? value === text : test === 1 ? value.startsWith(text) : test === 2;
}`.split("\n");

function emitPick(out: Text, hosts: number, passedOver: readonly string[]): void {
  out.line();
  out.block("function pick(leaf: number, method: number): number {", () => {
    if (hosts > 0) {
      out.block("for (let i = 0; i < hostCount; i++) {", () => {
        out.line(`const list = hostLists.get(leaf * ${hosts} + hostNumbers[i]!);`);
        out.block("if (list !== undefined) {", () => {
          out.line("const route = pickFrom(list, method);");
          out.line("if (route >= 0) return route;");
        });
      });
    }
    out.line("return pickFrom(leaf, method);");
  });
  out.line();
  out.block("function pickFrom(list: number, method: number): number {", () => {
    out.block("for (let i = listStarts[list]!; i < listStarts[list + 1]!; i++) {", () => {
      out.line("const route = lists[i]!;");
      for (const test of passedOver) out.line(`if (${test}) continue;`);
      out.line("if ((methods[route]! & method) !== 0) return route;");
      out.line("allowedMethods |= methods[route]!;");
    });
    out.line("return -1;");
  });
}

function flatten(node: PatternNode<PlannedRoute>, flat: Flat, leaves: Leaves): number {
  const number = flat.variables.push(0) - 1;
  const leafOf = (pattern: Pattern<PlannedRoute> | undefined) =>
    pattern === undefined ? -1 : leaves.patterns.push(pattern) - 1;
  flat.templateLeaves.push(leafOf(node.template));
  flat.prefixLeaves.push(leafOf(node.prefix));
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

function sourcesOf({ choices }: Pattern<PlannedRoute>): string {
  return [...new Set(choices.map(({ route }) => `${route.source} ${route.name}`))].join(", ");
}
