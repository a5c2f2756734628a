/**
 * Paths: reads `match.path` into segments, in the form that requests have when they are matched; `match.path_regex` is
 * held against the same form. Percent-encoding is
 * normalised (RFC 3986 6.2.2): unreserved characters are decoded, what stays encoded has capital digits. What a
 * request may not contain (dot segments, `//`, an encoded slash, backslash or NUL) no route may name.
 */
import { automatonOf } from "../match/automaton.ts";
import type { PathPattern, PathSegment } from "../plan.ts";
import { type Draft, hasHoles } from "../schema/explain.ts";
import { PATH_EXPECTED, type RouteEntry } from "../schema/routes.ts";
import { type AnalysisInput, routesOf } from "./input.ts";

export function checkPaths(input: AnalysisInput): void {
  const patterns = new Set<string>();
  for (const [index, { match }] of routesOf(input)) {
    if (match === undefined || hasHoles(match)) continue;
    const { path: text, path_regex: regex } = match;
    const at = ["routes", index, "match"];
    if (text !== undefined && regex !== undefined)
      input.routes.error("HW1310", [...at, "path_regex"], "the route has a path already; give one of the two", "key");
    else if (text === undefined && regex === undefined) {
      const message = `the key "path" is missing; expected ${PATH_EXPECTED}`;
      input.routes.error("HW1102", [...at, "path"], message, "key");
    }
    const path = pathOf(match);
    if (regex !== undefined) patterns.add(regex);
    if (typeof path !== "string") continue;
    input.routes.error(
      text === undefined ? "HW1310" : "HW1301",
      [...at, text === undefined ? "path_regex" : "path"],
      path,
    );
  }
  if (patterns.size <= PATTERNS_MAX) return;
  const advice = "each is tried in turn where no path matched; use templates or prefixes";
  const message = `${patterns.size} different path_regex, at most ${PATTERNS_MAX} are possible; ${advice}`;
  input.routes.error("HW1310", ["routes"], message, "key");
}

/** Each takes up to 6 microseconds or so for a path of 2 KiB: all of them together about 100. */
const PATTERNS_MAX = 16;

/** The pattern of a route, what is wrong with it, or undefined if it has none or two. */
export function pathOf(match: Draft<RouteEntry["match"]>): PathPattern | string | undefined {
  const { path, path_regex: text } = match;
  if (path !== undefined) return text === undefined ? parsePath(path) : undefined;
  if (text === undefined) return undefined;
  const automaton = automatonOf(text);
  return typeof automaton === "string" ? automaton : { text, kind: "regex", segments: [] };
}

/** The pattern, or what is wrong with the text. */
export function parsePath(text: string): PathPattern | string {
  if (!text.startsWith("/")) return `a path begins with "/"; write "/${text}"`;
  const query = text.search(/[?#]/);
  if (query !== -1) return `"${text[query]}" and what follows is no part of a path; routes match the path alone`;
  const parts = text.slice(1).split("/");
  const isPrefix = parts.at(-1) === "*";
  if (isPrefix) parts.pop();
  const segments: PathSegment[] = [];
  const variables = new Set<string>();
  for (const [index, part] of parts.entries()) {
    // Only the last segment may be empty: "/a/" is another path than "/a".
    if (part === "" && (isPrefix || index < parts.length - 1))
      return 'an empty segment ("//"); requests with one are refused, so none would match';
    const segment = parseSegment(part);
    if (typeof segment === "string") return segment;
    if ("variable" in segment) {
      if (variables.has(segment.variable)) return `the variable {${segment.variable}} is here twice; name them apart`;
      variables.add(segment.variable);
    }
    segments.push(segment);
  }
  return { text, kind: isPrefix ? "prefix" : variables.size > 0 ? "template" : "exact", segments };
}

function parseSegment(part: string): PathSegment | string {
  if (/[{}]/.test(part)) {
    const variable = /^\{([a-z_][a-z0-9_]*)\}$/i.exec(part)?.[1];
    return variable !== undefined
      ? { variable }
      : `"${part}" is not a variable; a variable is a whole segment such as {id}, its name of letters, digits and "_"`;
  }
  if (part.includes("*"))
    return '"*" is allowed only as the last segment, as in "/files/*"; write %2A for the character';
  if (part.includes("\\")) return "a backslash; requests with one are refused, so none would match";
  const odd = /[^A-Za-z0-9\-._~!$&'()+,;=:@%]/u.exec(part)?.[0];
  if (odd !== undefined) return `"${odd}" must be percent-encoded in a path; write ${percentEncode(odd)}`;
  const broken = /%(?![0-9A-Fa-f]{2})/.test(part);
  if (broken) return '"%" must be followed by two hexadecimal digits; write %25 for the character';
  const refused = /%(2f|5c|00)/i.exec(part)?.[0];
  if (refused !== undefined)
    return `${refused} (an encoded ${ENCODED[refused.toLowerCase()]}) is refused in requests, so none would match`;
  const literal = part.replace(/%[0-9A-Fa-f]{2}/g, normaliseEscape);
  if (literal === "." || literal === "..")
    return `the segment "${part}" is resolved before matching, so none would match; write the path it leads to`;
  return { literal };
}

const ENCODED: Readonly<Record<string, string>> = { "%2f": "slash", "%5c": "backslash", "%00": "NUL" };

function normaliseEscape(encoded: string): string {
  const char = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
  return /[A-Za-z0-9\-._~]/.test(char) ? char : encoded.toUpperCase();
}

function percentEncode(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}
