/**
 * Reads a routes or target file, YAML 1.2 or JSON, into a value with the place of every part.
 *
 * YAML's traps are closed here: 1.2 core schema only, no duplicate or merge keys, no tags, no directives, one document,
 * quoted dates, no key that another YAML version would read as a boolean. Anchors are expanded, within a bound. JSON
 * is YAML in flow style and goes the same way.
 */
import { isUtf8 } from "node:buffer";
import { open } from "node:fs/promises";
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
} from "yaml";
import { collectProblems, type Problems } from "./diagnostics.ts";
import type { Range, Spot } from "./source.ts";

/** 10,000 routes take about 1.5 MB. */
const FILE_BYTES_MAX = 8 << 20;
/** Nodes that aliases may add; what stops a file of a few lines from growing to gigabytes. */
const ALIASED_NODES_MAX = 200_000;
const DEPTH_MAX = 64;
const TOO_DEEP = `nested too deeply; ${DEPTH_MAX} levels are allowed`;

/** The file is missing, unreadable or no file: exit 66, not 65. */
export class UnreadableInput extends Error {
  readonly file: string;
  constructor(file: string, message: string) {
    super(message);
    this.file = file;
  }
}

/**
 * @throws UnreadableInput. Mistakes inside the file are in the result; its value is undefined where they leave none
 *   that is worth checking further.
 */
export async function load(file: string, codes?: Readonly<Record<string, string>>): Promise<Problems> {
  const bytes = await readBounded(file);
  const text = new TextDecoder().decode(bytes);
  const { value, root, mistakes } = read(bytes, text);
  const problems = collectProblems({ file, text, value, root }, codes);
  for (const { code, range, message } of mistakes) problems.errorAt(code, range, message);
  return problems;
}

interface Mistake {
  readonly code: string;
  readonly range: Range;
  readonly message: string;
}
interface Parsed {
  readonly value?: unknown;
  readonly root: Spot;
  readonly mistakes: readonly Mistake[];
}

function unusable(code: string, range: Range, message: string): Parsed {
  return { root: { value: [0, 0] }, mistakes: [{ code, range, message }] };
}

function read(bytes: Uint8Array, text: string): Parsed {
  if (bytes.length > FILE_BYTES_MAX) {
    return unusable(
      "HW1007",
      [0, 0],
      `larger than ${FILE_BYTES_MAX >> 20} MiB, the most a routes or target file may have`,
    );
  }
  const odd = findOddCharacter(bytes, text);
  return odd === undefined ? parse(text) : unusable("HW1006", [odd.at, odd.at + 1], odd.message);
}

async function readBounded(file: string): Promise<Uint8Array> {
  try {
    const handle = await open(file);
    try {
      const buffer = Buffer.alloc(FILE_BYTES_MAX + 1);
      let length = 0;
      for (;;) {
        // By read and not by size: the file may be a pipe, `<(generate)`.
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
        length += bytesRead;
        if (bytesRead === 0 || length === buffer.length) return buffer.subarray(0, length);
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reasons: Record<string, string> = {
      ENOENT: "no such file",
      EISDIR: "this is a directory; name the file in it",
      EACCES: "permission denied",
      ENOTDIR: "no such file (a part of the path is not a directory)",
    };
    throw new UnreadableInput(file, reasons[code ?? ""] ?? `cannot be read (${code ?? String(error)})`);
  }
}

function findOddCharacter(
  bytes: Uint8Array,
  text: string,
): { readonly at: number; readonly message: string } | undefined {
  if (!isUtf8(bytes)) {
    // The decoder put a replacement character where the first bad byte is, unless the file has real ones before it.
    let at = text.indexOf("\ufffd");
    while (at !== -1 && isUtf8(bytes.subarray(0, Buffer.byteLength(text.slice(0, at + 1)))))
      at = text.indexOf("\ufffd", at + 1);
    return { at: Math.max(at, 0), message: "not UTF-8; save the file as UTF-8" };
  }
  const at = text.search(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/);
  if (at === -1) return undefined;
  const code = text.charCodeAt(at).toString(16).toUpperCase().padStart(4, "0");
  return { at, message: `control character U+${code}; write it as an escape in double quotes if it is meant` };
}

function parse(text: string): Parsed {
  let documents: ReturnType<typeof parseAllDocuments>;
  try {
    // Duplicate keys are found below, where the first one can be named.
    documents = parseAllDocuments(text, {
      version: "1.2",
      schema: "core",
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: "silent",
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return unusable("HW1007", [0, 1], TOO_DEEP);
  }
  const [document, second] = documents;
  const syntax = document?.errors[0];
  // After the first error of a YAML text the rest is guessing.
  if (syntax?.code === "RESOURCE_EXHAUSTION") return unusable("HW1007", syntax.pos, TOO_DEEP);
  if (syntax !== undefined) return unusable("HW1001", syntax.pos, explainSyntax(syntax.message));
  const contents = document?.contents as Node | null | undefined;
  if (contents == null || (isScalar(contents) && contents.value === null)) {
    return unusable("HW1008", [0, 0], "the file is empty; a mapping is expected");
  }
  const walk = new Walk(text);
  const directive = text.slice(0, rangeOf(contents)[0]).search(/^%/m);
  if (directive !== -1) {
    walk.mistake("HW1003", [directive, directive + 1], "directives are not used here; remove this line");
  }
  if (second !== undefined) {
    const at = text.indexOf("---", document?.range?.[1] ?? 0);
    walk.mistake("HW1003", [at, at + 3], "a second YAML document begins here; a file holds one");
  }
  const { value, spot } = walk.visit(contents, 0);
  if (!isMap(contents)) walk.fatal("HW1008", spot.value, "a mapping is expected at the top of the file");
  return { value: walk.usable ? value : undefined, root: spot, mistakes: walk.mistakes };
}

/** The parser's words, with advice for the mistake that paths such as /v1/{id} invite. */
function explainSyntax(message: string): string {
  const plain = message.replace(/[.:]$/, "");
  const bracket = /^Unexpected flow-(map|seq)-(start|end)/.exec(plain);
  if (bracket !== null) {
    const found = bracket[1] === "map" ? (bracket[2] === "start" ? "{" : "}") : bracket[2] === "start" ? "[" : "]";
    return `"${found}" is not expected here; a value with { } [ ] or a comma in it must be quoted`;
  }
  return plain.startsWith("Nested mappings")
    ? `${plain}; begin it on a new line, or quote a value with ": " in it`
    : plain;
}

interface Visited {
  readonly value: unknown;
  readonly spot: Spot;
}

/** One walk over the document: builds the value, the spots, and reports what the language does not allow. */
class Walk {
  readonly mistakes: Mistake[] = [];
  /** False once what follows from a mistake would only hide it. */
  usable = true;
  #aliased = 0;
  #insideAlias = 0;
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  mistake(code: string, range: Range, message: string): void {
    // Inside an alias the same mistake was reported at its anchor.
    if (this.#insideAlias === 0) this.mistakes.push({ code, range, message });
  }

  fatal(code: string, range: Range, message: string): void {
    this.mistake(code, range, message);
    this.usable = false;
  }

  visit(node: Node, depth: number): Visited {
    const range = rangeOf(node);
    const nothing = { value: undefined, spot: { value: range } };
    if (isAlias(node)) return this.#expand(node, depth);
    if (this.#insideAlias > 0 && ++this.#aliased > ALIASED_NODES_MAX) return nothing;
    if (depth > DEPTH_MAX) {
      this.fatal("HW1007", [range[0], range[0] + 1], TOO_DEEP);
      return nothing;
    }
    const { anchor, tag } = node as Scalar;
    if (anchor !== undefined) this.#anchors.set(anchor, node);
    if (tag !== undefined) {
      const shown = tag.replace("tag:yaml.org,2002:", "!!");
      const at = this.#text.lastIndexOf(shown, range[0]);
      const place: Range = at === -1 ? range : [at, at + shown.length];
      const advice = "write the value, in quotes if it is meant as text";
      this.mistake("HW1003", place, `the tag ${shown} is not used here; ${advice}`);
    }
    this.#open.add(node);
    try {
      if (isMap(node)) return this.#visitMap(node.items as Pair<Node, Node | null>[], range, depth);
      if (isSeq(node)) return this.#visitList(node.items as Node[], range, depth);
      return { value: this.#scalar(node as Scalar, range), spot: { value: range } };
    } finally {
      this.#open.delete(node);
    }
  }

  #visitMap(items: readonly Pair<Node, Node | null>[], range: Range, depth: number): Visited {
    const value: Record<string, unknown> = {};
    const children = new Map<string, Spot>();
    for (const pair of items) {
      const keyRange = rangeOf(pair.key);
      const key = this.#keyOf(pair.key, keyRange);
      if (key === undefined) continue;
      const first = children.get(key);
      if (first !== undefined) {
        const line = this.#text.slice(0, first.key![0]).split("\n").length;
        this.mistake("HW1002", keyRange, `the key "${key}" is here twice; the first is on line ${line}`);
        continue;
      }
      // `key:` with nothing after it has no node; it is null, at its key.
      const visited: Visited =
        pair.value === null ? { value: null, spot: { value: keyRange } } : this.visit(pair.value, depth + 1);
      value[key] = visited.value;
      const empty = visited.spot.value[0] === visited.spot.value[1];
      children.set(key, { ...visited.spot, value: empty ? keyRange : visited.spot.value, key: keyRange });
    }
    return { value, spot: { value: range, children } };
  }

  #visitList(items: readonly Node[], range: Range, depth: number): Visited {
    const value: unknown[] = [];
    const children = new Map<number, Spot>();
    for (const [index, item] of items.entries()) {
      const visited = this.visit(item, depth + 1);
      value.push(visited.value);
      children.set(index, visited.spot);
    }
    return { value, spot: { value: range, children } };
  }

  #keyOf(node: Node, range: Range): string | undefined {
    if (!isScalar(node)) {
      this.mistake("HW1004", range, "a key must be plain text, not a list, a mapping or an alias");
      return undefined;
    }
    const { value, source } = node;
    if (node.tag !== undefined) this.mistake("HW1003", range, "tags are not used here; write the plain key");
    else if (typeof value !== "string") {
      this.mistake(
        "HW1004",
        range,
        `a key must be text, and YAML reads this one as ${value === null ? "nothing" : typeof value}; write "${source ?? ""}"`,
      );
    } else if (value === "<<") {
      this.fatal(
        "HW1003",
        range,
        "merge keys are not used here; write the keys out, or put shared values under defaults",
      );
    } else if (/^(on|off|yes|no|y|n)$/i.test(value)) {
      this.mistake(
        "HW1004",
        range,
        `"${value}" cannot be a key: older YAML versions read it as true or false; choose another name`,
      );
    } else if (value === "__proto__") {
      this.mistake("HW1004", range, `"__proto__" cannot be a key; choose another name`);
    } else return value;
    return undefined;
  }

  #scalar(node: Scalar, range: Range): unknown {
    if (node.type === "PLAIN" && /^\d{4}-\d\d?-\d\d?([Tt ].*)?$/.test(node.source ?? "")) {
      this.mistake("HW1005", range, `older YAML versions turn this into a date; quote it: "${node.source}"`);
    }
    return node.value;
  }

  #expand(alias: Alias, depth: number): Visited {
    const range = rangeOf(alias);
    const nothing = { value: undefined, spot: { value: range } };
    const node = this.#anchors.get(alias.source);
    if (node === undefined) {
      this.fatal("HW1009", range, `*${alias.source} has no anchor &${alias.source} before it`);
      return nothing;
    }
    if (this.#open.has(node)) {
      this.fatal("HW1009", range, `*${alias.source} stands inside its own anchor`);
      return nothing;
    }
    const outermost = this.#insideAlias === 0;
    this.#insideAlias++;
    const visited = this.visit(node, depth);
    this.#insideAlias--;
    if (outermost && this.#aliased > ALIASED_NODES_MAX && this.usable) {
      this.fatal("HW1007", range, `aliases grow this file beyond ${ALIASED_NODES_MAX} values; write less through them`);
    }
    // The alias is the place of the value itself, the anchor that of its parts: there they are written.
    return { value: visited.value, spot: { ...visited.spot, value: range } };
  }
}

function rangeOf(node: Node): Range {
  const range = node.range;
  return range ? [range[0], range[1]] : [0, 0];
}
