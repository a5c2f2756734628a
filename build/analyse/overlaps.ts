/**
 * Overlaps: two routes that take the same requests with neither more specific than the other. Order in the file never
 * decides, so this is an error that names both.
 *
 * More specific is: an exact path before a template before a prefix; of two templates or two prefixes the one within
 * the other (`/a/b/*` is within `/a/*`, `/a/{x}` within `/{y}/{x}`); on one path a route with hosts before one
 * without, then one with methods before one without. What is then left is:
 *
 * - the same path (variables' names apart), hosts and methods that meet: HW1401;
 * - templates or prefixes that meet but do not contain each other, such as `/a/{x}/c` and `/a/b/{y}`, hosts and
 *   methods that meet: HW1402.
 *
 * With this language a route cannot be hidden by others in any further way: what is more specific takes only a part
 * of an infinite set of paths, hosts or methods.
 *
 * 10,000 routes are compared in time linear to them: routes go into groups by their shape (which segments are
 * variables), groups are compared pairwise, and in a pair only the routes whose common literals are equal meet, by
 * lookup. Shapes are few where routes are many.
 */
import type { PathPattern } from "../plan.ts";
import { hostsOf } from "./features.ts";
import { type AnalysisInput, routesOf } from "./input.ts";
import { methodBits, nameMethods } from "./methods.ts";
import { parsePath } from "./paths.ts";

interface Candidate {
  readonly index: number;
  readonly path: PathPattern;
  readonly hosts: readonly string[] | undefined;
  /** Undefined for any. */
  readonly methods: number | undefined;
}

/** Candidates whose patterns have variables at the same places. */
interface Shape {
  readonly kind: PathPattern["kind"];
  /** By segment: whether it is a literal. */
  readonly literal: readonly boolean[];
  readonly candidates: Candidate[];
}

export function checkOverlaps(input: AnalysisInput): void {
  const shapes = [...shapesOf(candidatesOf(input)).values()];
  for (const [at, shape] of shapes.entries()) {
    meet(shape, shape, (first, second, methods) => reportDuplicate(input, first, second, methods));
    for (const other of shapes.slice(at + 1)) {
      if (mayTie(shape, other)) meet(shape, other, (left, right) => reportTie(input, left, right));
    }
  }
}

function candidatesOf(input: AnalysisInput): Candidate[] {
  return routesOf(input).flatMap(([index, route]) => {
    const path = route.match?.path === undefined ? undefined : parsePath(route.match.path);
    const methods = route.match?.methods;
    // Wrong values were reported; guessing what they meant would report followers.
    if (path === undefined || typeof path === "string" || methods?.includes(undefined)) return [];
    const hosts = hostsOf(route, input.routesFile?.defaults);
    return [{ index, path, hosts, methods: methodBits(methods as readonly string[] | undefined) }];
  });
}

function shapesOf(candidates: readonly Candidate[]): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const candidate of candidates) {
    const literal = candidate.path.segments.map((segment) => "literal" in segment);
    const key = `${candidate.path.kind} ${literal.map(Number).join("")}`;
    const shape = shapes.get(key);
    if (shape === undefined) shapes.set(key, { kind: candidate.path.kind, literal, candidates: [candidate] });
    else shape.candidates.push(candidate);
  }
  return shapes;
}

/** Whether patterns of the two shapes can meet without one being within the other. */
function mayTie(a: Shape, b: Shape): boolean {
  if (a.kind !== b.kind || a.kind === "exact") return false;
  if (a.kind === "template" && a.literal.length !== b.literal.length) return false;
  const [short, long] = a.literal.length <= b.literal.length ? [a, b] : [b, a];
  const shortWithin =
    short.literal.length === long.literal.length && long.literal.every((literal, i) => !literal || short.literal[i]);
  const longWithin = short.literal.every((literal, i) => !literal || long.literal[i]);
  return !shortWithin && !longWithin;
}

/** Calls `found` once for each route of `right` that meets an earlier one or one of `left`, hosts and methods included. */
function meet(left: Shape, right: Shape, found: (left: Candidate, right: Candidate, methods: number) => void): void {
  const common = left.literal.map((literal, i) => (literal && right.literal[i] ? i : -1)).filter((i) => i >= 0);
  const claims = new Map<string, Candidate[]>();
  const samePath = left === right;
  if (!samePath) for (const candidate of left.candidates) claim(claims, candidate, common, samePath);
  for (const candidate of right.candidates) {
    const other = askedKeys(candidate, common, samePath)
      .flatMap((key) => claims.get(key) ?? [])
      .find(({ methods }) => meetingMethods(methods, candidate.methods) !== 0);
    if (other !== undefined) found(other, candidate, meetingMethods(other.methods, candidate.methods));
    if (samePath) claim(claims, candidate, common, samePath);
  }
}

function claim(
  claims: Map<string, Candidate[]>,
  candidate: Candidate,
  common: readonly number[],
  samePath: boolean,
): void {
  for (const key of claimedKeys(candidate, common, samePath)) {
    const claimed = claims.get(key) ?? [];
    const taken = claimed.reduce((bits, { methods }) => bits | (methods ?? ANY_METHOD), 0);
    // A claim that adds no method would never be the first to meet: so a list has at most one entry a method.
    if (((candidate.methods ?? ANY_METHOD) & ~taken) !== 0) claims.set(key, [...claimed, candidate]);
  }
}

/**
 * On one path, a route with hosts is more specific than one without, and one with methods than one without: those
 * lie under different keys and never meet. Between two paths that decides nothing, since the path is compared first:
 * a route without hosts then meets all, for which every route also claims EVERY_HOST.
 */
function claimedKeys(candidate: Candidate, common: readonly number[], samePath: boolean): string[] {
  const hosts = candidate.hosts ?? [NO_HOST];
  return hostKeys(samePath ? hosts : [...hosts, EVERY_HOST], candidate, common, samePath);
}

function askedKeys(candidate: Candidate, common: readonly number[], samePath: boolean): string[] {
  const { hosts } = candidate;
  if (samePath) return hostKeys(hosts ?? [NO_HOST], candidate, common, samePath);
  return hostKeys(hosts === undefined ? [EVERY_HOST] : [...hosts, NO_HOST], candidate, common, samePath);
}

// Neither can be a host's name.
const NO_HOST = "";
const EVERY_HOST = "*";
const ANY_METHOD = 255;

function hostKeys(
  hosts: readonly string[],
  candidate: Candidate,
  common: readonly number[],
  samePath: boolean,
): string[] {
  const literals = JSON.stringify(common.map((i) => candidate.path.segments[i]));
  const form = samePath && candidate.methods !== undefined ? "with methods" : "";
  return hosts.map((host) => `${host} ${form} ${literals}`);
}

function meetingMethods(a: number | undefined, b: number | undefined): number {
  return (a ?? ANY_METHOD) & (b ?? ANY_METHOD);
}

function reportDuplicate(input: AnalysisInput, first: Candidate, second: Candidate, methods: number): void {
  const same = first.path.text === second.path.text;
  const path = same ? "the same path" : `the path ${first.path.text}, which takes the same requests`;
  const where = `${onHost(first, second)}${forMethods(first, second, methods)}`;
  const advice = "give each its own path, hosts or methods";
  const message = `${nameOf(input, first)} has ${path}${where}; ${advice}`;
  input.routes.error("HW1401", ["routes", second.index, "match", "path"], message);
}

function reportTie(input: AnalysisInput, left: Candidate, right: Candidate): void {
  const [first, second] = left.index < right.index ? [left, right] : [right, left];
  const meets = `has the path ${first.path.text}, which meets this one, and neither is within the other`;
  const advice = "order does not decide, so make one of them more specific";
  const message = `${nameOf(input, first)} ${meets}; ${advice}`;
  input.routes.error("HW1402", ["routes", second.index, "match", "path"], message);
}

function nameOf(input: AnalysisInput, { index }: Candidate): string {
  const name = input.routesFile?.routes?.[index]?.name ?? `[${index}]`;
  return `the route "${name}" at ${input.routes.place(["routes", index, "match", "path"])}`;
}

function onHost(left: Candidate, right: Candidate): string {
  const shared = left.hosts?.find((host) => right.hosts?.includes(host));
  return shared === undefined ? "" : ` on the host ${shared}`;
}

function forMethods(left: Candidate, right: Candidate, meeting: number): string {
  if (left.methods === undefined && right.methods === undefined) return "";
  const implied = nameMethods(meeting) === "HEAD" ? " (GET includes HEAD)" : "";
  return ` for ${nameMethods(meeting)}${implied}`;
}
