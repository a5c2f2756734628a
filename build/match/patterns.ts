/**
 * Routes with the same path pattern together, in the order they are tried, and the patterns of templates and prefixes
 * as a tree over segments: what the matcher is made from, and what the checker looks routes up in.
 */
import type { PathPattern, RouteMatch } from "../plan.ts";
import { automatonOfPath, findWord, fingerprintOf } from "./automaton.ts";
import { compareMatches } from "./conditions.ts";
import { compareHosts, isWildcard } from "./hosts.ts";

export type PathKind = PathPattern["kind"];

/** One path pattern and its routes. */
export interface Pattern<R extends RouteMatch = RouteMatch> {
  readonly kind: PathKind;
  /** A literal, or null for a variable: names do not distinguish patterns. */
  readonly segments: readonly (string | null)[];
  readonly path: PathPattern;
  readonly routes: readonly R[];
  readonly choices: readonly Choice<R>[];
}

/** A way to a route, by one or some of its hosts. */
export interface Choice<R extends RouteMatch = RouteMatch> {
  readonly number: number;
  readonly route: R;
  /** Undefined for any host. */
  readonly hosts: readonly string[] | undefined;
}

export interface PatternNode<R extends RouteMatch = RouteMatch> {
  readonly literals: Map<string, PatternNode<R>>;
  variable: PatternNode<R> | undefined;
  /** The template that ends here. */
  template: Pattern<R> | undefined;
  /** The prefix that ends here, with a slash. */
  prefix: Pattern<R> | undefined;
}

interface Numbered<R> {
  readonly number: number;
  readonly route: R;
}

/** Patterns of one kind, in the order in which the routes first name them. */
export function patternsOf<R extends RouteMatch>(routes: readonly R[], kind: PathKind): Pattern<R>[] {
  const byKey = new Map<string, { segments: (string | null)[]; path: PathPattern; routes: Numbered<R>[] }>();
  routes.forEach((route, number) => {
    if (route.path.kind !== kind) return;
    const { path } = route;
    const segments = segmentsOf(path);
    const key = keyOf(path);
    const entry = byKey.get(key);
    if (entry === undefined) byKey.set(key, { segments, path, routes: [{ number, route }] });
    else entry.routes.push({ number, route });
  });
  return [...byKey.values()].map(({ segments, path, routes }) => ({
    kind,
    segments,
    path,
    routes: routes.map(({ route }) => route),
    choices: inOrder(routes),
  }));
}

/** How many conditions a pattern's routes come to; decides between code and tables. */
export function sizeOf(patterns: readonly Pattern[]): number {
  let size = 0;
  for (const { choices } of patterns)
    for (const { hosts, route } of choices) size += (hosts?.length ?? 1) + route.conditions.length;
  return size;
}

export function treeOf<R extends RouteMatch>(patterns: readonly Pattern<R>[]): PatternNode<R> {
  const root = emptyNode<R>();
  for (const pattern of patterns) {
    let node = root;
    for (const segment of pattern.segments) node = childOf(node, segment);
    if (pattern.kind === "prefix") node.prefix = pattern;
    else node.template = pattern;
  }
  return root;
}

/** Equal for patterns that the same paths fit. */
export function keyOf(path: PathPattern): string {
  return path.kind === "regex"
    ? fingerprintOf(automatonOfPath(path))
    : `${path.kind} ${JSON.stringify(segmentsOf(path))}`;
}

/** Patterns of `path_regex` in the order they are tried: the narrower first, by how many others each is within. */
export function narrowestFirst<R extends RouteMatch>(patterns: readonly Pattern<R>[]): Pattern<R>[] {
  const automata = patterns.map(({ path }) => automatonOfPath(path));
  const wider = automata.map(
    (one) =>
      automata.filter((other) => other !== one && findWord([one, other], ([a, b]) => a! && !b!) === undefined).length,
  );
  return [...patterns.keys()].toSorted((a, b) => wider[b]! - wider[a]!).map((at) => patterns[at]!);
}

function segmentsOf(path: PathPattern): (string | null)[] {
  const segments = path.segments.map((segment) => ("literal" in segment ? segment.literal : null));
  // The empty segment between a prefix's last slash and its `*`, if it is there.
  if (path.kind === "prefix" && segments.at(-1) === "") segments.pop();
  return segments;
}

/**
 * Names first, then wildcards from the narrowest on, then any host; at each host by the rest of the match (see
 * conditions.ts). Whatever would come after a route that takes everything is never reached.
 */
function inOrder<R extends RouteMatch>(routes: readonly Numbered<R>[]): Choice<R>[] {
  const sorted = routes.toSorted((a, b) => compareMatches(a.route, b.route) || a.number - b.number);
  const named: Choice<R>[] = [];
  const wild: (Choice<R> & { readonly pattern: string })[] = [];
  const open: Choice<R>[] = [];
  for (const { number, route } of sorted) {
    const names = route.hosts?.filter((host) => !isWildcard(host)) ?? [];
    if (names.length > 0) named.push({ number, route, hosts: names });
    for (const pattern of route.hosts?.filter(isWildcard) ?? [])
      wild.push({ number, route, hosts: [pattern], pattern });
    if (route.hosts === undefined) open.push({ number, route, hosts: undefined });
  }
  const last = open.findIndex(({ route }) => takesAll(route));
  return [
    ...joined([
      ...named,
      ...wild.toSorted((a, b) => compareHosts(a.pattern, b.pattern)).map(({ pattern: _, ...choice }) => choice),
    ]),
    ...(last < 0 ? open : open.slice(0, last + 1)),
  ];
}

/** One choice of those that follow each other and lead to the same route. */
function joined<R extends RouteMatch>(choices: readonly Choice<R>[]): Choice<R>[] {
  const result: Choice<R>[] = [];
  for (const choice of choices) {
    const last = result.at(-1);
    if (last?.number !== choice.number) result.push(choice);
    else result[result.length - 1] = { ...last, hosts: [...last.hosts!, ...choice.hosts!] };
  }
  return result;
}

/** Every request that has the path and the host. */
export function takesAll(route: RouteMatch): boolean {
  return route.listeners === undefined && route.methods === undefined && route.conditions.length === 0;
}

function childOf<R extends RouteMatch>(node: PatternNode<R>, segment: string | null): PatternNode<R> {
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

function emptyNode<R extends RouteMatch>(): PatternNode<R> {
  return { literals: new Map(), variable: undefined, template: undefined, prefix: undefined };
}
