/**
 * Mistakes found in input files: collected with their place, put in file order, rendered as people and editors read
 * them. Nothing here prints; the command line does.
 */
import { CODES } from "./codes.ts";
import { locate, type Path, positionsIn, type Range, type Source } from "./source.ts";

export interface Diagnostic {
  readonly severity: "error" | "warning";
  readonly file: string;
  /** From 1; 0 when the mistake is the file itself. */
  readonly line: number;
  readonly column: number;
  readonly code: string;
  /** Dotted, lists by name where their entries have one: `routes.plc.upstream`; "" for the whole file. */
  readonly path: string;
  readonly message: string;
  /** The source line, and how many of its characters are meant; absent when there is no line to show. */
  readonly excerpt?: string;
  readonly width?: number;
}

/** `key` underlines the key at the path, `value` its value. Without a key, the value. */
export type Aim = "key" | "value";

/** Collects the mistakes of one file. */
export interface Problems {
  readonly source: Source;
  error(code: string, path: Path, message: string, aim?: Aim): void;
  warning(code: string, path: Path, message: string, aim?: Aim): void;
  /** For mistakes of the text itself, before there is a value with paths. */
  errorAt(code: string, range: Range, message: string): void;
  /** `file:line` and so on of a path, to name a second place in a message. */
  place(path: Path): string;
  /** Errors and warnings in file order, each once. */
  list(): Diagnostic[];
}

/** @param codes the compiler's table and the features'; reporting a code outside it is a bug and throws */
export function collectProblems(source: Source, codes: Readonly<Record<string, string>> = CODES): Problems {
  const positions = positionsIn(source.text);
  // Keyed by place and message, so that one mistake seen twice (through an alias, or a default) is reported once.
  const found = new Map<string, { readonly at: number; readonly diagnostic: Diagnostic }>();

  function add(severity: "error" | "warning", code: string, range: Range, path: Path, message: string): void {
    if (!Object.hasOwn(codes, code)) throw new Error(`code ${code} is in no table`);
    const { line, column } = positions.position(range[0]);
    const excerpt = positions.line(line);
    const width = Math.max(1, Math.min(range[1] - range[0], excerpt.length - column + 1));
    const shown = showPath(source, path);
    const diagnostic = { severity, file: source.file, line, column, code, path: shown, message, excerpt, width };
    const key = `${range[0]} ${code} ${message}`;
    if (!found.has(key)) found.set(key, { at: range[0], diagnostic });
  }

  function aimAt(path: Path, aim: Aim): Range {
    const { spot, depth } = locate(source, path);
    // What is not written is missing from its parent: the parent's key (or, in a list, its first line) is the place.
    const atKey = aim === "key" || depth < path.length;
    return (atKey ? spot.key : undefined) ?? spot.value;
  }

  return {
    source,
    error: (code, path, message, aim = "value") => add("error", code, aimAt(path, aim), path, message),
    warning: (code, path, message, aim = "value") => add("warning", code, aimAt(path, aim), path, message),
    errorAt: (code, range, message) => add("error", code, range, [], message),
    place(path) {
      return `${source.file}:${positions.position(aimAt(path, "key")[0]).line}`;
    },
    list() {
      return [...found.values()].sort((a, b) => a.at - b.at).map(({ diagnostic }) => diagnostic);
    },
  };
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ severity }) => severity === "error");
}

/** `["routes", 3, "upstream"]` as `routes.plc.upstream`, or `routes[3].upstream` where the entry has no name. */
function showPath(source: Source, path: Path): string {
  let shown = "";
  let value = source.value;
  for (const part of path) {
    value = (value as Record<string | number, unknown> | null | undefined)?.[part];
    if (typeof part === "string") shown += shown === "" ? part : `.${part}`;
    else {
      const name = (value as { name?: unknown } | null | undefined)?.name;
      shown += typeof name === "string" && name !== "" ? `.${name}` : `[${part}]`;
    }
  }
  return shown;
}

/** The mistakes as text, in the order given, without a last line break. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map(renderDiagnostic).join("\n");
}

function renderDiagnostic(d: Diagnostic): string {
  const place = d.line === 0 ? d.file : `${d.file}:${d.line}:${d.column}`;
  const mark = d.severity === "warning" ? "warning: " : "";
  const head = `${place}  ${d.code}  ${mark}${d.path === "" ? "" : `${d.path}: `}${d.message}`;
  if (d.excerpt === undefined) return clean(head);
  const { text, column } = cutLongLine(d.excerpt, d.column);
  const gutter = `   ${d.line} | `;
  const carets = "^".repeat(Math.min(d.width ?? 1, Math.max(1, text.length - column + 1)));
  return `${clean(head)}\n${gutter}${clean(text)}\n${" ".repeat(gutter.length - 2)}| ${" ".repeat(column - 1)}${carets}`;
}

const LINE_CHARACTERS_MAX = 160;

/** A minified JSON file is one line: show the part around the place. */
function cutLongLine(line: string, column: number): { readonly text: string; readonly column: number } {
  if (line.length <= LINE_CHARACTERS_MAX) return { text: line, column };
  const start = Math.max(0, column - 1 - 60);
  const end = start + LINE_CHARACTERS_MAX - 20;
  const before = start > 0 ? "…" : "";
  const after = end < line.length ? "…" : "";
  return { text: before + line.slice(start, end) + after, column: column - start + before.length };
}

/** A file must not be able to steer the terminal or reorder what is read: one visible mark for each such character. */
function clean(text: string): string {
  return text
    .replace(/\t/g, " ")
    .replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/** "3 errors; nothing was written", or the warnings' line. */
export function renderVerdict(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  return errors === 0 ? "" : `${errors} error${errors === 1 ? "" : "s"}; nothing was written`;
}
