/**
 * Mistakes found in input files: collected with their place, put in file order, rendered as people and editors read
 * them. Nothing here prints; the command line does.
 */
import { CODES } from "./codes.ts";
import { locate, type Path, type Place, positionsIn, type Range, type Source, type TextFile } from "./source.ts";

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

/**
 * `key` underlines the key at the path, `value` its value; without a key, the value. `hidden` names the value's place
 * but does not show its line, which is not for logs.
 */
export type Aim = "key" | "value" | "hidden";

/** Collects the mistakes of one file, and of parts that came into it from others. */
export interface Problems {
  readonly source: Source;
  error(code: string, path: Path, message: string, aim?: Aim): void;
  warning(code: string, path: Path, message: string, aim?: Aim): void;
  /** For mistakes of the text itself, before there is a value with paths. */
  errorAt(code: string, range: Range, message: string): void;
  /** `file:line` and so on of a path, to name a second place in a message. */
  place(path: Path): string;
  /** Errors and warnings, each once, file by file in the order of their places. */
  list(): Diagnostic[];
}

/**
 * @param codes the compiler's table and the features'; reporting a code outside it is a bug and throws
 * @param before what was found while the source was read and put together
 */
export function collectProblems(
  source: Source,
  codes: Readonly<Record<string, string>> = CODES,
  before: readonly Diagnostic[] = [],
): Problems {
  // Keyed by place and message, so that one mistake seen twice (through an alias, or a default) is reported once.
  const found = new Map<string, Diagnostic>();
  const positions = new Map<TextFile, ReturnType<typeof positionsIn>>();
  /** Lines that no diagnostic shows. */
  const secretLines = new Set<string>();
  for (const diagnostic of before) keep(diagnostic);

  function positionsOf(file: TextFile): ReturnType<typeof positionsIn> {
    const known = positions.get(file) ?? positionsIn(file.text);
    positions.set(file, known);
    return known;
  }

  function showPlace({ in: file, range }: Place): string {
    return `${file.file}:${positionsOf(file).position(range[0]).line}`;
  }

  function keep(diagnostic: Diagnostic): void {
    const { file, line, column, code, message } = diagnostic;
    const key = `${file}:${line}:${column} ${code} ${message}`;
    if (!found.has(key)) found.set(key, diagnostic);
  }

  function add(severity: "error" | "warning", code: string, place: Place, path: Path, message: string): void {
    if (!Object.hasOwn(codes, code)) throw new Error(`code ${code} is in no table`);
    const { in: file, range } = place;
    const { line, column } = positionsOf(file).position(range[0]);
    const excerpt = positionsOf(file).line(line);
    const width = Math.max(1, Math.min(range[1] - range[0], excerpt.length - column + 1));
    keep({ severity, file: file.file, line, column, code, path: showPath(source, path), message, excerpt, width });
  }

  function addAt(severity: "error" | "warning", code: string, path: Path, message: string, aim: Aim): void {
    const place = aimAt(path, aim);
    if (aim === "hidden") secretLines.add(showPlace(place));
    add(severity, code, place, path, withReplaced(path, message));
  }

  function withoutSecret(diagnostic: Diagnostic): Diagnostic {
    const { excerpt: _excerpt, width: _width, ...rest } = diagnostic;
    return secretLines.has(`${rest.file}:${rest.line}`) ? rest : diagnostic;
  }

  function aimAt(path: Path, aim: Aim): Place {
    const { spot, depth, in: file } = locate(source, path);
    // What is not written is missing from its parent: the parent's key (or, in a list, its first line) is the place.
    const atKey = aim === "key" || depth < path.length;
    return { in: file, range: (atKey ? spot.key : undefined) ?? spot.value };
  }

  /** Whoever reads the place of an override has to know what it took the place of. */
  function withReplaced(path: Path, message: string): string {
    const { replaces } = locate(source, path);
    return replaces === undefined ? message : `${message}; this overrides ${showPlace(replaces)}`;
  }

  return {
    source,
    error: (code, path, message, aim = "value") => addAt("error", code, path, message, aim),
    warning: (code, path, message, aim = "value") => addAt("warning", code, path, message, aim),
    errorAt: (code, range, message) => add("error", code, { in: source, range }, [], message),
    place: (path) => showPlace(aimAt(path, "key")),
    list: () => inFileOrder([...found.values()].map(withoutSecret)),
  };
}

/** File by file, `first` ones first, then in the order in which they were named; in each by place. */
export function inFileOrder(diagnostics: readonly Diagnostic[], first: readonly string[] = []): Diagnostic[] {
  const files = [...new Set([...first, ...diagnostics.map(({ file }) => file)])];
  return [...diagnostics].sort(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  );
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
