/**
 * What the matcher is made from: routes with the same path pattern together, in the order they are tried, and the
 * patterns of templates and prefixes as a tree over segments.
 */
import type { PathPattern, Plan, PlannedRoute } from "../plan.ts";

export type PathKind = PathPattern["kind"];

/** One path pattern and its routes, most specific first. */
export interface Pattern {
  readonly kind: PathKind;
  /** A literal, or null for a variable: names do not distinguish patterns. */
  readonly segments: readonly (string | null)[];
  readonly routes: readonly NumberedRoute[];
}

export interface NumberedRoute {
  readonly number: number;
  readonly route: PlannedRoute;
}

export interface PatternNode {
  readonly literals: Map<string, PatternNode>;
  variable: PatternNode | undefined;
  /** The template that ends here. */
  template: Pattern | undefined;
  /** The prefix that ends here, with a slash. */
  prefix: Pattern | undefined;
}

/** Patterns of one kind, in the order in which the plan first names them. */
export function patternsOf(plan: Plan, kind: PathKind): Pattern[] {
  const byKey = new Map<string, { segments: (string | null)[]; routes: NumberedRoute[] }>();
  plan.routes.forEach((route, number) => {
    if (route.path.kind !== kind) return;
    const segments = segmentsOf(route.path);
    const key = JSON.stringify(segments);
    const entry = byKey.get(key);
    if (entry === undefined) byKey.set(key, { segments, routes: [{ number, route }] });
    else entry.routes.push({ number, route });
  });
  return [...byKey.values()].map(({ segments, routes }) => ({ kind, segments, routes: inOrder(routes) }));
}

/** How many conditions a pattern's routes come to; decides between code and tables. */
export function sizeOf(patterns: readonly Pattern[]): number {
  let size = 0;
  for (const pattern of patterns) for (const { route } of pattern.routes) size += route.hosts?.length ?? 1;
  return size;
}

export function treeOf(patterns: readonly Pattern[]): PatternNode {
  const root = emptyNode();
  for (const pattern of patterns) {
    let node = root;
    for (const segment of pattern.segments) node = childOf(node, segment);
    if (pattern.kind === "prefix") node.prefix = pattern;
    else node.template = pattern;
  }
  return root;
}

function segmentsOf(path: PathPattern): (string | null)[] {
  const segments = path.segments.map((segment) => ("literal" in segment ? segment.literal : null));
  // The empty segment between a prefix's last slash and its `*`, if it is there.
  if (path.kind === "prefix" && segments.at(-1) === "") segments.pop();
  return segments;
}

/**
 * Routes that name the host first, then those that name methods; the checker has refused every other tie. Whatever
 * would come after a route without conditions is never reached.
 */
function inOrder(routes: NumberedRoute[]): NumberedRoute[] {
  const unnamed = (value: unknown) => (value === undefined ? 1 : 0);
  const sorted = routes.toSorted(
    (a, b) =>
      unnamed(a.route.hosts) - unnamed(b.route.hosts) ||
      unnamed(a.route.methods) - unnamed(b.route.methods) ||
      a.number - b.number,
  );
  const open = sorted.findIndex(({ route }) => route.hosts === undefined && route.methods === undefined);
  return open < 0 ? sorted : sorted.slice(0, open + 1);
}

function childOf(node: PatternNode, segment: string | null): PatternNode {
  if (segment === null) {
    node.variable ??= emptyNode();
    return node.variable;
  }
  let child = node.literals.get(segment);
  if (child === undefined) {
    child = emptyNode();
    node.literals.set(segment, child);
  }
  return child;
}

function emptyNode(): PatternNode {
  return { literals: new Map(), variable: undefined, template: undefined, prefix: undefined };
}
