/**
 * What differs between two manifests, setting by setting. Entries of the sections are told apart by name, so their
 * order says nothing, and neither does the order of a list: in the language both mean nothing.
 */
import type { Plain } from "./describe.ts";
import type { Inside } from "./read.ts";
import type { Manifest } from "./shape.ts";

export interface Change {
  /** `["routes", "plc", "timeouts", "request_ms"]` */
  readonly path: readonly string[];
  /** Undefined where there was nothing. */
  readonly before: Plain | undefined;
  readonly after: Plain | undefined;
}

export interface Difference {
  /** In the order of the manifests' sections. */
  readonly changes: readonly Change[];
  /** Hashes that differ, by their name in the manifest. */
  readonly hashes: readonly HashName[];
  /** Those of them that no change accounts for. */
  readonly unexplained: readonly HashName[];
  /** The manifests are equal, but not the files. */
  readonly outside: boolean;
}

type HashName = keyof Manifest["sha256"];

export function compare(a: Inside, b: Inside): Difference {
  const { sha256: hashesBefore, ...before } = a.manifest;
  const { sha256: hashesAfter, ...after } = b.manifest;
  const changes = [...compareValues([], before as Plain, after as Plain)];
  const names = Object.keys(hashesBefore) as HashName[];
  const hashes = names.filter((name) => hashesBefore[name] !== hashesAfter[name]);
  return {
    changes,
    hashes,
    unexplained: hashes.filter((name) => !isExplained(name, changes)),
    outside: changes.length + hashes.length === 0 && !a.data.equals(b.data),
  };
}

export function isEqual({ changes, hashes, outside }: Difference): boolean {
  return changes.length + hashes.length === 0 && !outside;
}

function* compareValues(
  path: readonly string[],
  before: Plain | undefined,
  after: Plain | undefined,
): Generator<Change> {
  if (isGroup(before) && isGroup(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      yield* compareValues([...path, key], own(before, key), own(after, key));
    }
  } else if (canonical(before) !== canonical(after)) yield { path, before, after };
}

function own(group: { [key: string]: Plain }, key: string): Plain | undefined {
  return Object.hasOwn(group, key) ? group[key] : undefined;
}

export function isGroup(value: Plain | undefined): value is { [key: string]: Plain } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function canonical(value: Plain | undefined): string {
  return Array.isArray(value)
    ? JSON.stringify(value.map((entry) => JSON.stringify(entry)).sort())
    : JSON.stringify(value);
}

/** What is shown already needs no second line that says it with hashes. */
function isExplained(name: HashName, changes: readonly Change[]): boolean {
  const touches = (...paths: string[]) => changes.some(({ path }) => paths.some((p) => path.join(".").startsWith(p)));
  if (name === "runtime") return touches("target", "versions.node");
  if (name === "addon") return touches("target", "versions.uwebsockets");
  if (name === "program") return changes.length > 0;
  return changes.some(({ path: [section] }) => section !== "versions");
}
