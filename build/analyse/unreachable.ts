/**
 * Routes that no request can reach, since more specific ones take all of theirs first (HW1403).
 *
 * For each route a request is looked for that it takes and no more specific one does. Whether there is one is decided
 * exactly, by trying one of each kind that routes can tell apart: a name that no route mentions stands for all other
 * names, in the path and in the host; each listener; each method; and conditions by whether all that is in the way can
 * be failed at once. Paths of a `path_regex` are taken from its automaton, less those that were found to be taken.
 */

import { automatonOfPath, findWord, UNDECIDED } from "../match/automaton.ts";
import { areCompatible, canAvoid, compareMatches } from "../match/conditions.ts";
import { isWildcard, suffixOf } from "../match/hosts.ts";
import { Lookup } from "../match/lookup.ts";
import { keyOf, type Pattern } from "../match/patterns.ts";
import { METHOD_BITS, METHOD_OTHER } from "../plan.ts";
import { type Candidate, candidatesOf, nameOf, pathPlace } from "./candidates.ts";
import type { AnalysisInput } from "./input.ts";
import { routeListeners } from "./program.ts";

/** Neither can be in a route's path or hosts. */
const OTHER_SEGMENT = "{";
const OTHER_NAME = "~";

type Blockers = ReadonlySet<Candidate>;

export function checkUnreachable(input: AnalysisInput): void {
  const candidates = candidatesOf(input);
  const lookup = new Lookup(candidates);
  const listeners = [...routeListeners(input).keys()];
  for (const candidate of candidates) {
    const blockers = blockersOf(lookup, candidate, listeners.length === 0 ? [0] : listeners);
    if (blockers !== undefined && blockers.size > 0) report(input, candidate, blockers);
  }
}

/** What takes every request of the route; undefined if some request reaches it. */
function blockersOf(lookup: Lookup<Candidate>, route: Candidate, listeners: readonly number[]): Blockers | undefined {
  const all = new Set<Candidate>();
  const isTaken = (path: string) => {
    const blockers = blockersAt(lookup, route, path, listeners);
    for (const blocker of blockers ?? []) all.add(blocker);
    return blockers !== undefined;
  };
  if (route.path.kind === "regex") return isEveryWordTaken(lookup, route, isTaken) ? all : undefined;
  return pathsOf(route, lookup.depth).every(isTaken) ? all : undefined;
}

/** One path of each kind that the route takes, those first that fewest others take. */
function pathsOf({ path }: Candidate, depth: number): string[] {
  const start = path.segments.map((segment) => ("literal" in segment ? segment.literal : OTHER_SEGMENT)).join("/");
  if (path.kind !== "prefix") return [`/${start}`];
  const base = start === "" ? "/" : `/${start}/`;
  const below = Array.from({ length: depth + 2 }, (_, count) => `${OTHER_SEGMENT}/`.repeat(count));
  return below.toReversed().flatMap((rest) => [`${base}${rest}${OTHER_SEGMENT}`, `${base}${rest}`]);
}

/** Words are asked for until one is free or none is left; each that is taken rules out all that the same patterns take. */
function isEveryWordTaken(lookup: Lookup<Candidate>, { path }: Candidate, isTaken: (path: string) => boolean): boolean {
  const automata = [automatonOfPath(path)];
  const numbers = new Map([[keyOf(path), 0]]);
  const taken: number[][] = [];
  for (;;) {
    const word = findWord(automata, (accept) => accept[0]! && !taken.some((set) => set.every((at) => accept[at])));
    if (word === UNDECIDED) return false;
    if (word === undefined) return true;
    if (!isTaken(word)) return false;
    taken.push(
      lookup.patternsOf(word).map((pattern) => {
        const key = keyOf(pattern.path);
        if (!numbers.has(key)) numbers.set(key, automata.push(automatonOfPath(pattern.path)) - 1);
        return numbers.get(key)!;
      }),
    );
  }
}

/** The routes that take all requests with this path before the route does; undefined if it gets one of them. */
function blockersAt(
  lookup: Lookup<Candidate>,
  route: Candidate,
  path: string,
  listeners: readonly number[],
): Blockers | undefined {
  const taking = lookup.patternsOf(path);
  const patterns = taking.slice(0, taking.indexOf(lookup.patternOf(route)) + 1);
  const blockers = new Set<Candidate>();
  for (const host of route.hosts ?? [undefined]) {
    const before = routesBefore(lookup, patterns, route, host);
    for (const listener of route.listeners ?? listeners) {
      for (const method of METHODS) {
        if (((route.methods ?? method) & method) === 0) continue;
        const inTheWay = before.filter(
          (other) =>
            (other.listeners?.includes(listener) ?? true) &&
            ((other.methods ?? method) & method) !== 0 &&
            areCompatible(other.conditions, route.conditions),
        );
        const whole = inTheWay.find((other) => !canAvoid(route.conditions, [other.conditions]));
        if (whole !== undefined) blockers.add(whole);
        else if (
          canAvoid(
            route.conditions,
            inTheWay.map(({ conditions }) => conditions),
          )
        )
          return undefined;
        else for (const other of inTheWay) blockers.add(other);
      }
    }
  }
  return blockers;
}

const METHODS = [...Object.values(METHOD_BITS), METHOD_OTHER];

/** The routes of these patterns that are tried before this one, which is of the last, for a host of its host pattern. */
function routesBefore(
  lookup: Lookup<Candidate>,
  patterns: readonly Pattern<Candidate>[],
  route: Candidate,
  host: string | undefined,
): Candidate[] {
  const name = host === undefined ? OTHER_NAME : isWildcard(host) ? `${OTHER_NAME}${suffixOf(host)}` : host;
  return patterns.flatMap((pattern, at) => {
    const levels = lookup.levelsOf(pattern, name);
    if (at < patterns.length - 1) return levels.flatMap(({ choices }) => choices.map((choice) => choice.route));
    const own = levels.findIndex((level) => level.host === host);
    return levels.slice(0, own + 1).flatMap(({ choices }, i) => {
      const end = i < own ? -1 : choices.findIndex((choice) => compareMatches(choice.route, route) >= 0);
      return choices.slice(0, end === -1 ? undefined : end).map((choice) => choice.route);
    });
  });
}

const NAMED_MAX = 3;

function report(input: AnalysisInput, candidate: Candidate, blockers: Blockers): void {
  const sorted = [...blockers].sort((a, b) => a.index - b.index);
  const names = sorted.slice(0, NAMED_MAX).map((blocker) => nameOf(input, blocker));
  const rest = sorted.length - names.length;
  const all = rest > 0 ? `${names.join(", ")} and ${rest} more` : joined(names);
  const verb = sorted.length === 1 ? "is more specific and takes" : "are more specific and together take";
  const message = `no request can reach this route: ${all} ${verb} all of its requests; remove it, or make it the more specific one`;
  input.routes.error("HW1403", pathPlace(input, candidate.index), message);
}

function joined(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
