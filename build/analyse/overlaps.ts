/**
 * Overlaps: two routes that take the same requests with neither more specific than the other (what that means is said
 * in emit/matcher.ts). Order in the file never decides, so this is an error that names both:
 *
 * - HW1401: the same path (variables' names apart) and the same host or both any, both or neither naming listeners,
 *   likewise methods, with conditions of which neither asks for more;
 * - HW1402: the same, but the conditions differ and some request meets both; or paths that meet without one being
 *   within the other, such as `/a/{x}/c` and `/a/b/{y}`: the path is compared first, so nothing else can decide.
 *
 * 10,000 routes are compared in time linear to them. On one path only routes meet that have all of the above in
 * common, which is a lookup. Across paths routes go into groups by their shape (which segments are variables), groups
 * are compared pairwise, and in a pair only routes with equal common literals and hosts that meet are looked at.
 */
import { automatonOfPath, findWord, UNDECIDED } from "../match/automaton.ts";
import { allFollow, areCompatible } from "../match/conditions.ts";
import { isWildcard, widerThan } from "../match/hosts.ts";
import { keyOf } from "../match/patterns.ts";
import type { PathPattern } from "../plan.ts";
import { type Candidate, candidatesOf, nameOf, pathPlace } from "./candidates.ts";
import type { AnalysisInput } from "./input.ts";
import { nameMethods } from "./methods.ts";

export function checkOverlaps(input: AnalysisInput): void {
  const candidates = candidatesOf(input);
  for (const group of groupsOnOnePath(candidates)) compareGroup(input, group);
  const shapes = [...shapesOf(candidates).values()];
  for (const [at, shape] of shapes.entries()) {
    for (const other of shapes.slice(at + 1)) if (mayTie(shape, other)) compareShapes(input, shape, other);
  }
  comparePatterns(input, candidates);
}

// ── On one path ────────────────────────────────────────────────────────────────────────────────────────────────────

interface Group {
  /** Undefined for any. */
  readonly host: string | undefined;
  readonly members: Candidate[];
}

/** Those of which only listeners, methods and conditions can still say that they do not meet. */
function groupsOnOnePath(candidates: readonly Candidate[]): Iterable<Group> {
  const groups = new Map<string, Group>();
  for (const candidate of candidates) {
    const { path, hosts, listeners, methods, conditions } = candidate;
    const rank = `${listeners === undefined} ${methods === undefined} ${conditions.length}`;
    for (const host of hosts ?? [undefined]) {
      const key = `${host ?? ""} ${rank} ${keyOf(path)}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { host, members: [candidate] });
      else group.members.push(candidate);
    }
  }
  return groups.values();
}

function compareGroup(input: AnalysisInput, { host, members }: Group): void {
  const parts = splitByValue(members);
  if (parts.length > 1) {
    for (const part of parts) compareGroup(input, { host, members: part });
    return;
  }
  for (const [at, second] of members.entries()) {
    const first = members.slice(0, at).find((other) => meetEvenly(other, second));
    if (first !== undefined) reportSamePath(input, first, second, host);
  }
}

/** Where all want one value of one thing, only those that want the same can meet: a thousand tenants by a field. */
function splitByValue(members: readonly Candidate[]): Candidate[][] {
  for (const { on, name } of members.length > 2 ? members[0]!.conditions : []) {
    const byValue = Map.groupBy(
      members,
      ({ conditions }) => conditions.find((one) => one.on === on && one.name === name && one.test === "exact")?.value,
    );
    if (byValue.size > 1 && !byValue.has(undefined)) return [...byValue.values()];
  }
  return [[...members]];
}

/** Whether some request is taken by both, and neither goes first. */
function meetEvenly(a: Candidate, b: Candidate): boolean {
  if (!meet(a, b)) return false;
  return allFollow(a.conditions, b.conditions) === allFollow(b.conditions, a.conditions);
}

/** Paths and hosts apart. */
function meet(a: Candidate, b: Candidate): boolean {
  return meetingMethods(a, b) !== 0 && listenersMeet(a, b) && areCompatible(a.conditions, b.conditions);
}

function listenersMeet({ listeners: a }: Candidate, { listeners: b }: Candidate): boolean {
  return a === undefined || b === undefined || a.some((listener) => b.includes(listener));
}

const ANY_METHOD = 255;

function meetingMethods({ methods: a }: Candidate, { methods: b }: Candidate): number {
  return (a ?? ANY_METHOD) & (b ?? ANY_METHOD);
}

// ── Across paths ───────────────────────────────────────────────────────────────────────────────────────────────────

/** Candidates whose patterns have variables at the same places. */
interface Shape {
  readonly kind: PathPattern["kind"];
  /** By segment: whether it is a literal. */
  readonly literal: readonly boolean[];
  /** The last segment is the empty one, which no variable stands for: `/a/` and not `/a/{x}`. */
  readonly endsInSlash: boolean;
  readonly candidates: Candidate[];
}

function shapesOf(candidates: readonly Candidate[]): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const candidate of candidates) {
    const { kind, segments } = candidate.path;
    // Exact paths meet only themselves; patterns have no segments.
    if (kind === "exact" || kind === "regex") continue;
    const literal = segments.map((segment) => "literal" in segment);
    const last = segments.at(-1);
    const endsInSlash = last !== undefined && "literal" in last && last.literal === "";
    const key = `${kind} ${literal.map(Number).join("")} ${endsInSlash}`;
    const shape = shapes.get(key);
    if (shape === undefined) shapes.set(key, { kind, literal, endsInSlash, candidates: [candidate] });
    else shape.candidates.push(candidate);
  }
  return shapes;
}

/** Whether patterns of the two shapes can meet without one being within the other. */
function mayTie(a: Shape, b: Shape): boolean {
  if (a.kind !== b.kind || a.endsInSlash !== b.endsInSlash) return false;
  if (a.kind === "template" && a.literal.length !== b.literal.length) return false;
  const [short, long] = a.literal.length <= b.literal.length ? [a, b] : [b, a];
  const shortWithin =
    short.literal.length === long.literal.length && long.literal.every((literal, i) => !literal || short.literal[i]);
  const longWithin = short.literal.every((literal, i) => !literal || long.literal[i]);
  return !shortWithin && !longWithin;
}

/** Reports each route of `right` that meets one of `left`. */
function compareShapes(input: AnalysisInput, left: Shape, right: Shape): void {
  const common = left.literal.map((literal, i) => (literal && right.literal[i] ? i : -1)).filter((i) => i >= 0);
  const literalsOf = ({ path }: Candidate) => JSON.stringify(common.map((i) => path.segments[i]));
  const claims = new Map<string, Candidate[]>();
  for (const candidate of left.candidates) {
    for (const host of claimedHosts(candidate)) {
      const key = `${host} ${literalsOf(candidate)}`;
      const claimed = claims.get(key) ?? [];
      // What an earlier one takes whole would never be the first to meet: a list stays short.
      if (!claimed.some((other) => takesWhole(other, candidate))) claims.set(key, [...claimed, candidate]);
    }
  }
  for (const candidate of right.candidates) {
    const literals = literalsOf(candidate);
    const other = askedHosts(candidate)
      .flatMap((host) => claims.get(`${host} ${literals}`) ?? [])
      .find((claimed) => meet(claimed, candidate));
    if (other !== undefined) reportTie(input, other, candidate, exampleOf(other.path, candidate.path));
  }
}

/** Every host that meets this candidate's asks for one of these: `<*.a` stands for all below `*.a`. */
function claimedHosts({ hosts }: Candidate): string[] {
  if (hosts === undefined) return [ANY_HOST, EVERY_HOST];
  return [...new Set([EVERY_HOST, ...hosts.flatMap((host) => [host, ...widerThan(host).map((wider) => `<${wider}`)])])];
}

function askedHosts({ hosts }: Candidate): string[] {
  if (hosts === undefined) return [EVERY_HOST];
  const own = hosts.flatMap((host) => [host, ...widerThan(host), ...(isWildcard(host) ? [`<${host}`] : [])]);
  return [...new Set([ANY_HOST, ...own])];
}

// Neither can be a host's name.
const ANY_HOST = "";
const EVERY_HOST = "*";

/** Paths and hosts apart. */
function takesWhole(outer: Candidate, inner: Candidate): boolean {
  const listeners = outer.listeners === undefined || inner.listeners?.every((one) => outer.listeners!.includes(one));
  const methods = ((inner.methods ?? ANY_METHOD) & ~(outer.methods ?? ANY_METHOD)) === 0;
  return listeners === true && methods && allFollow(outer.conditions, inner.conditions);
}

/** A path that both take. */
function exampleOf(a: PathPattern, b: PathPattern): string {
  const longer = a.segments.length >= b.segments.length ? a : b;
  const segments = longer.segments.map((segment, i) => {
    const literal = [a.segments[i], b.segments[i]].find((one) => one !== undefined && "literal" in one) ?? segment;
    return "literal" in literal ? literal.literal : literal.variable;
  });
  return `/${segments.join("/")}${a.kind === "prefix" ? "/" : ""}`;
}

/** Of `path_regex` there are few: each with each. */
function comparePatterns(input: AnalysisInput, candidates: readonly Candidate[]): void {
  const byPattern = [
    ...Map.groupBy(
      candidates.filter(({ path }) => path.kind === "regex"),
      ({ path }) => keyOf(path),
    ).values(),
  ];
  for (const [at, right] of byPattern.entries()) {
    for (const left of byPattern.slice(0, at)) {
      const automata = [automatonOfPath(left[0]!.path), automatonOfPath(right[0]!.path)];
      const both = findWord(automata, ([a, b]) => a! && b!);
      const isTie =
        both !== undefined &&
        findWord(automata, ([a, b]) => a! && !b!) !== undefined &&
        findWord(automata, ([a, b]) => b! && !a!) !== undefined;
      if (!isTie) continue;
      for (const candidate of right) {
        const asked = askedHosts(candidate);
        const other = left.find(
          (one) => meet(one, candidate) && claimedHosts(one).some((host) => asked.includes(host)),
        );
        if (other !== undefined) reportTie(input, other, candidate, both === UNDECIDED ? "some path" : both);
      }
    }
  }
}

// ── Messages ───────────────────────────────────────────────────────────────────────────────────────────────────────

function reportSamePath(input: AnalysisInput, first: Candidate, second: Candidate, host: string | undefined): void {
  const same = first.path.text === second.path.text;
  const path = same ? "the same path" : `the path ${first.path.text}, which takes the same requests`;
  const where = `${host === undefined ? "" : ` on the host ${host}`}${forMethods(first, second)}`;
  if (allFollow(first.conditions, second.conditions)) {
    const conditions = first.conditions.length > 0 ? " and the same conditions" : "";
    const message = `${nameOf(input, first)} has ${path}${conditions}${where}; give each its own path, hosts or methods`;
    input.routes.error("HW1401", pathPlace(input, second.index), message);
    return;
  }
  const meets = "with as many conditions, and a request can meet those of both";
  const advice = "add one to the route that is to go first, or one that they cannot both meet";
  const message = `${nameOf(input, first)} has ${path}${where} ${meets}; ${advice}`;
  input.routes.error("HW1402", pathPlace(input, second.index), message);
}

function reportTie(input: AnalysisInput, left: Candidate, right: Candidate, example: string): void {
  const [first, second] = left.index < right.index ? [left, right] : [right, left];
  const meets = `has the path ${first.path.text}, which meets this one at ${example}, and neither is within the other`;
  const advice = "order does not decide, so make one of them more specific";
  const message = `${nameOf(input, first)} ${meets}; ${advice}`;
  input.routes.error("HW1402", pathPlace(input, second.index), message);
}

function forMethods(first: Candidate, second: Candidate): string {
  if (first.methods === undefined && second.methods === undefined) return "";
  const meeting = nameMethods(meetingMethods(first, second));
  return ` for ${meeting}${meeting === "HEAD" ? " (GET includes HEAD)" : ""}`;
}
