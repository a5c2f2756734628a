/** Which routes take a path and a host, in the order they are tried: the matcher as the checker needs it. */
import type { RouteMatch } from "../plan.ts";
import { accepts, automatonOfPath } from "./automaton.ts";
import { widerThan } from "./hosts.ts";
import { type Choice, narrowestFirst, type Pattern, type PatternNode, patternsOf, treeOf } from "./patterns.ts";

/** Routes of one pattern at one host pattern. */
export interface Level<R extends RouteMatch> {
  /** Undefined for any host. */
  readonly host: string | undefined;
  readonly choices: readonly Choice<R>[];
}

export class Lookup<R extends RouteMatch> {
  /** Most segments of a pattern. */
  readonly depth: number;
  #exact: ReadonlyMap<string, Pattern<R>>;
  #templates: PatternNode<R>;
  #prefixes: PatternNode<R>;
  #regexes: readonly Pattern<R>[];
  #patterns = new Map<R, Pattern<R>>();
  #levels = new Map<Pattern<R>, ReadonlyMap<string | undefined, Choice<R>[]>>();

  constructor(routes: readonly R[]) {
    const [exact, templates, prefixes] = (["exact", "template", "prefix"] as const).map((kind) =>
      patternsOf(routes, kind),
    );
    this.depth = Math.max(0, ...[exact!, templates!, prefixes!].map(deepest));
    this.#exact = new Map(exact!.map((pattern) => [`/${pattern.segments.join("/")}`, pattern]));
    this.#templates = treeOf(templates!);
    this.#prefixes = treeOf(prefixes!);
    this.#regexes = narrowestFirst(patternsOf(routes, "regex"));
    for (const pattern of [...exact!, ...templates!, ...prefixes!, ...this.#regexes])
      for (const route of pattern.routes) this.#patterns.set(route, pattern);
  }

  /** The route's own pattern. */
  patternOf(route: R): Pattern<R> {
    return this.#patterns.get(route)!;
  }

  /** The patterns that a path fits. */
  patternsOf(path: string): Pattern<R>[] {
    const segments = path.slice(1).split("/");
    const exact = this.#exact.get(path);
    const found = exact === undefined ? [] : [exact];
    collect(this.#templates, segments, 0, false, found);
    collect(this.#prefixes, segments, 0, true, found);
    return [...found, ...this.#regexes.filter((pattern) => accepts(automatonOfPath(pattern.path), path))];
  }

  /** The routes of a pattern that a host fits, the most specific host first. */
  levelsOf(pattern: Pattern<R>, host: string): Level<R>[] {
    let byHost = this.#levels.get(pattern);
    if (byHost === undefined) {
      byHost = levelsIn(pattern);
      this.#levels.set(pattern, byHost);
    }
    return [host, ...widerThan(host), undefined].flatMap((level) => {
      const choices = byHost.get(level);
      return choices === undefined ? [] : [{ host: level, choices }];
    });
  }
}

function levelsIn<R extends RouteMatch>({ choices }: Pattern<R>): Map<string | undefined, Choice<R>[]> {
  const levels = new Map<string | undefined, Choice<R>[]>();
  for (const choice of choices) {
    for (const host of choice.hosts ?? [undefined]) {
      const level = levels.get(host);
      if (level === undefined) levels.set(host, [choice]);
      else level.push(choice);
    }
  }
  return levels;
}

/** Literals before the variable, deeper before shallower: the order of precedence. */
function collect<R extends RouteMatch>(
  node: PatternNode<R>,
  segments: readonly string[],
  at: number,
  isPrefix: boolean,
  found: Pattern<R>[],
): void {
  if (at < segments.length) {
    const segment = segments[at]!;
    const literal = node.literals.get(segment);
    if (literal !== undefined) collect(literal, segments, at + 1, isPrefix, found);
    if (node.variable !== undefined && segment !== "") collect(node.variable, segments, at + 1, isPrefix, found);
    if (isPrefix && node.prefix !== undefined) found.push(node.prefix);
  } else if (node.template !== undefined) found.push(node.template);
}

function deepest(patterns: readonly Pattern[]): number {
  return patterns.reduce((most, { segments }) => Math.max(most, segments.length), 0);
}
