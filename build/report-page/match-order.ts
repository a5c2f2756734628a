/** The routes in the order in which a request's path, host and so on are held against them; see emit/matcher.ts. */
import {
  type Choice,
  narrowestFirst,
  type PathKind,
  type Pattern,
  type PatternNode,
  patternsOf,
  treeOf,
} from "../match/patterns.ts";
import type { PlannedRoute } from "../plan.ts";

export interface PathClass {
  readonly kind: PathKind;
  readonly patterns: readonly Pattern<PlannedRoute>[];
}

/** Classes without a route are left out. */
export function classesOf(routes: readonly PlannedRoute[]): PathClass[] {
  const kinds: readonly PathKind[] = ["exact", "template", "prefix", "regex"];
  return kinds
    .map((kind) => ({ kind, patterns: inOrder(kind, patternsOf(routes, kind)) }))
    .filter(({ patterns }) => patterns.length > 0);
}

function inOrder(kind: PathKind, patterns: Pattern<PlannedRoute>[]): readonly Pattern<PlannedRoute>[] {
  if (kind === "regex") return narrowestFirst(patterns);
  if (kind === "exact") return patterns.toSorted((a, b) => compare(a.path.text, b.path.text));
  return [...walk(treeOf(patterns))];
}

/** Literals before the variable, and a prefix after all that is below it. */
function* walk(node: PatternNode<PlannedRoute>): Generator<Pattern<PlannedRoute>> {
  if (node.template !== undefined) yield node.template;
  for (const [, child] of [...node.literals].sort(([a], [b]) => compare(a, b))) yield* walk(child);
  if (node.variable !== undefined) yield* walk(node.variable);
  if (node.prefix !== undefined) yield node.prefix;
}

/** By UTF-16 code units, wherever this runs. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The routes of one path, in the order they are tried. A route can be tried several times, for one of its hosts each:
 * told apart only where the host decides.
 */
export function choicesOf({ choices }: Pattern<PlannedRoute>, byHost: boolean): readonly Choice<PlannedRoute>[] {
  if (byHost) return choices;
  const first = new Map(choices.toReversed().map((choice) => [choice.number, choice]));
  return choices
    .filter((choice) => first.get(choice.number) === choice)
    .map((choice) => ({ ...choice, hosts: choice.route.hosts }));
}
