/**
 * Checks a value against a schema and says in our words what zod found: expected, found, near miss. Returns the value
 * as a draft for the later passes: what did not pass is `undefined` in it, so that one mistake is reported once and
 * all others still are.
 */
import type { ZodType, z } from "zod";
import type { Problems } from "../diagnostics.ts";
import { didYouMean } from "../near-miss.ts";
import type { Path } from "../source.ts";
import { expectations, impossible } from "./expect.ts";

/** A value of which any part may be missing because it was wrong. */
export type Draft<T> = T extends readonly (infer Item)[]
  ? readonly (Draft<Item> | undefined)[]
  : T extends object
    ? { readonly [Key in keyof T]?: Draft<T[Key]> | undefined }
    : T;

/** Whether something below a mapping of a draft was wrong, so that nothing can be said about what it lacks. */
export function hasHoles(entry: object): boolean {
  return Object.values(entry).includes(undefined);
}

type Issue = z.core.$ZodIssue;

/** Messages are made below from the issue itself; this one marks those that no schema set. */
const OURS = "\u0000";

/**
 * @param wholeAt how many parts of a path to keep when cutting out what is wrong, e.g. the feature's key when
 *   something inside its value is wrong; undefined for the path itself
 */
export function explain<T>(
  problems: Problems,
  schema: ZodType<T>,
  wholeAt: (path: Path) => number | undefined = () => undefined,
): Draft<T> | undefined {
  const value = problems.source.value;
  if (value === undefined) return undefined;
  const result = schema.safeParse(value, { error: () => OURS });
  if (result.success) return result.data as Draft<T>;
  const draft = structuredClone(value);
  for (const issue of result.error.issues) {
    report(problems, schema, value, issue, []);
    const path = [...(issue.path as Path)];
    const wrong = issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...path, key]) : [path];
    for (const at of wrong) cutOut(draft, at.slice(0, wholeAt(at) ?? at.length));
  }
  return draft as Draft<T>;
}

function cutOut(draft: unknown, path: Path): void {
  let holder = draft;
  for (const part of path.slice(0, -1)) {
    holder = (holder as Record<string | number, unknown> | undefined)?.[part];
    if (typeof holder !== "object" || holder === null) return;
  }
  const last = path.at(-1);
  if (last !== undefined) (holder as Record<string | number, unknown>)[last] = undefined;
}

function report(problems: Problems, schema: ZodType, root: unknown, issue: Issue, base: Path): void {
  const path = [...base, ...(issue.path as Path)];
  const found = valueAt(root, path);
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(schema, path);
    for (const key of issue.keys) {
      const reason = nodesAt(schema, path)
        .map((node) => impossible.get(node)?.[key])
        .find(Boolean);
      if (reason !== undefined) {
        problems.error("HW1108", [...path, key], `"${key}" cannot be set here: ${reason}`, "key");
        continue;
      }
      const near = didYouMean(key, known);
      const advice = near === "" ? `; known here: ${known.join(", ")}` : near;
      problems.error("HW1101", [...path, key], `unknown key "${key}"${advice}`, "key");
    }
    return;
  }
  if (issue.code === "invalid_key") {
    const key = String(path.at(-1));
    const expectation = keyExpectation(schema, path);
    const hint = expectation?.hint?.(key);
    const advice = hint === undefined ? "" : `; ${hint.advice}`;
    problems.error(
      "HW1107",
      path,
      `expected ${expectation?.expected ?? "another key"}, found ${describe(key)}${advice}`,
      "key",
    );
    return;
  }
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const branch = closest(issue.errors);
    if (branch !== undefined) {
      for (const inner of branch) report(problems, schema, root, inner, path);
      return;
    }
  }
  if (found === undefined) {
    const key = String(path.at(-1));
    problems.error("HW1102", path, `the key "${key}" is missing; expected ${expectedOf(schema, path, issue)}`, "key");
    return;
  }
  const expectation = expectationAt(schema, path);
  const hint = expectation?.hint?.(found);
  const expected = `expected ${expectedOf(schema, path, issue)}, found ${describe(found)}`;
  const advice = hint?.advice ?? adviceFor(issue, found);
  const message =
    issue.message !== OURS
      ? `${issue.message}; found ${describe(found)}`
      : advice
        ? `${expected}; ${advice}`
        : expected;
  problems.error(issue.message !== OURS ? "HW1104" : (codeOf(issue, hint?.code, found) ?? "HW1104"), path, message);
}

function codeOf(issue: Issue, hinted: string | undefined, found: unknown): string | undefined {
  // A name of the wrong type is a wrong type; a duration without a unit is one whether it came as number or text.
  if (issue.code === "invalid_type" && (hinted !== "HW1105" || typeof found !== "number")) return "HW1103";
  if (hinted !== undefined) return hinted;
  if (issue.code === "too_small" || issue.code === "too_big") return Array.isArray(found) ? "HW1106" : "HW1104";
  if (issue.code === "invalid_union") return "HW1103";
  return undefined;
}

function expectedOf(schema: ZodType, path: Path, issue: Issue): string {
  const expectation = expectationAt(schema, path);
  if (expectation !== undefined) return expectation.expected;
  switch (issue.code) {
    case "invalid_type":
      return TYPE_NAMES[issue.expected] ?? `a value of type ${issue.expected}`;
    case "invalid_value":
      return issue.values.length === 1 ? show(issue.values[0]) : `one of ${issue.values.map(show).join(", ")}`;
    case "too_small":
      return `${issue.inclusive ? "at least" : "more than"} ${issue.minimum}${unitOf(issue.origin, issue.minimum)}`;
    case "too_big":
      return `${issue.inclusive ? "at most" : "less than"} ${issue.maximum}${unitOf(issue.origin, issue.maximum)}`;
    case "invalid_union":
      return "another kind of value";
    default: {
      const description = nodesAt(schema, path).find((node) => node.description)?.description;
      if (description !== undefined) return `a value that fits "${description}"`;
      return issue.code === "invalid_format" && issue.pattern ? `text that fits ${issue.pattern}` : "another value";
    }
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
  null: "nothing",
};

function unitOf(origin: string, count: number | bigint): string {
  if (origin === "array" || origin === "set" || origin === "object") return count === 1 ? " entry" : " entries";
  return origin === "string" ? " characters" : "";
}

function adviceFor(issue: Issue, found: unknown): string | undefined {
  if (
    issue.code === "invalid_type" &&
    issue.expected === "string" &&
    (typeof found === "number" || typeof found === "boolean")
  ) {
    return `quote it: "${found}"`;
  }
  if (issue.code === "invalid_type" && issue.expected === "array" && typeof found === "string")
    return `write [${show(found)}]`;
  if (issue.code === "invalid_type" && issue.expected === "boolean" && typeof found === "string") {
    if (/^(yes|y|on)$/i.test(found)) return "write true";
    if (/^(no|n|off)$/i.test(found)) return "write false";
  }
  if (issue.code === "invalid_value" && typeof found === "string") {
    return (
      didYouMean(
        found,
        issue.values.filter((value) => typeof value === "string"),
      ).slice(2) || undefined
    );
  }
  return undefined;
}

/** A value as a message names it: `"plcs"`, `the number 5`, `a list`. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (typeof value === "string") return show(value.length > 60 ? `${value.slice(0, 57)}…` : value);
  if (typeof value === "number") return `the number ${value}`;
  if (typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return Object.keys(value).length === 0 ? "an empty mapping" : "a mapping";
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

/** The alternative that came furthest: its first mistake lies deepest. All equal at the top: none. */
function closest(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const depth = (branch: readonly Issue[]) => {
    const [first] = branch;
    if (first === undefined) return 0;
    // A key that one alternative does not know says that the type was right.
    return first.path.length + (first.code === "invalid_type" ? 0 : 1);
  };
  const sorted = [...branches].sort((a, b) => depth(b) - depth(a) || a.length - b.length);
  return sorted[0] !== undefined && depth(sorted[0]) > 0 ? sorted[0] : undefined;
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const part of path) value = (value as Record<string | number, unknown> | null | undefined)?.[part];
  return value;
}

function expectationAt(schema: ZodType, path: Path) {
  for (const node of nodesAt(schema, path)) {
    const expectation = expectations.get(node);
    if (expectation !== undefined) return expectation;
  }
  return undefined;
}

function keyExpectation(schema: ZodType, path: Path) {
  for (const node of nodesAt(schema, path.slice(0, -1))) {
    const def = definition(node);
    if (def.type === "record") return expectations.get(def.keyType!);
  }
  return undefined;
}

function keysAt(schema: ZodType, path: Path): string[] {
  return [...new Set(nodesAt(schema, path).flatMap((node) => Object.keys(definition(node).shape ?? {})))];
}

interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, ZodType>>;
  readonly element?: ZodType;
  readonly keyType?: ZodType;
  readonly valueType?: ZodType;
  readonly innerType?: ZodType;
  readonly options?: readonly ZodType[];
}

function definition(node: ZodType): Definition {
  return node.def as unknown as Definition;
}

/** The schema nodes that stand for `path`: several where alternatives meet, wrappers such as `optional` included. */
function nodesAt(schema: ZodType, path: Path): ZodType[] {
  let nodes = unwrap(schema);
  for (const part of path) {
    nodes = nodes.flatMap((node) => {
      const { type, shape, element, valueType } = definition(node);
      if (type === "object" && typeof part === "string") return shape?.[part] ? unwrap(shape[part]) : [];
      if (type === "array" && element !== undefined) return unwrap(element);
      if (type === "record" && valueType !== undefined) return unwrap(valueType);
      return [];
    });
  }
  return nodes;
}

function unwrap(node: ZodType): ZodType[] {
  const { innerType, options } = definition(node);
  if (innerType !== undefined) return [node, ...unwrap(innerType)];
  return options === undefined ? [node] : [node, ...options.flatMap(unwrap)];
}
