/**
 * What features' data becomes in code. Every distinct value is emitted once, however many routes share it: templates
 * as functions, fixed answers as numbers into replies.ts, the rest as literals.
 */
import type { FieldValue, ReplyValue, Value } from "../feature.ts";
import { PLACEHOLDERS, partsOfChecked, type TemplatePart } from "../template.ts";
import { key, literal, Text } from "./text.ts";

/** As exported by src/core/fault.ts; smaller numbers are faults. */
const FIRST_REPLY = 64;

export class Values {
  readonly #replies: ReplyValue[] = [];
  /** JSON text → number of the reply. */
  readonly #replyNumbers = new Map<string, number>();
  /** Template text → name of its function. */
  readonly #templates = new Map<string, string>();
  /** Literal → name of its constant. */
  readonly #constants = new Map<string, string>();
  readonly #functions = new Text();
  readonly #credentials: readonly string[];

  /** An expression for the value: a number, a short literal, or the name of a module-level constant or function. */
  expression(value: Value): string {
    const code = this.#inline(value);
    if (value === null || typeof value !== "object" || isTemplate(value) || isReply(value) || isField(value))
      return code;
    let name = this.#constants.get(code);
    if (name === undefined) {
      name = `data_${this.#constants.size}`;
      this.#constants.set(code, name);
    }
    return name;
  }

  get replies(): readonly ReplyValue[] {
    return this.#replies;
  }

  /** @param credentials names of all that the program reads */
  constructor(credentials: readonly string[] = []) {
    this.#credentials = credentials;
  }

  /** Request fields that are asked for, in lower case, by their numbers. */
  readonly fields: string[] = [];

  /** Placeholder functions that the templates call. */
  readonly placeholders = new Set<string>();

  get putsText(): boolean {
    return this.#hasPart((part) => !("placeholder" in part));
  }

  get putsCredentials(): boolean {
    return this.#hasPart((part) => "credential" in part);
  }

  #hasPart(test: (part: TemplatePart) => boolean): boolean {
    return [...this.#templates.keys()].some((text) => partsOfChecked(text).some(test));
  }

  emit(out: Text): void {
    out.append(this.#functions);
    for (const [code, name] of this.#constants) out.line(`const ${name} = ${code} as const;`);
  }

  #inline(value: Value): string {
    if (typeof value === "string") return literal(value);
    if (value === null || typeof value !== "object") return String(value);
    if (Array.isArray(value)) return `[${value.map((entry) => this.#inline(entry)).join(", ")}]`;
    if (isTemplate(value)) return this.#template(value.text);
    if (isReply(value)) return String(this.#reply(value));
    if (isField(value)) return String(this.#field(value));
    const entries = Object.entries(value).map(([name, entry]) => `${key(name)}: ${this.#inline(entry)}`);
    return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
  }

  #field({ name }: FieldValue): number {
    const known = this.fields.indexOf(name);
    return known === -1 ? this.fields.push(name) - 1 : known;
  }

  #reply(reply: ReplyValue): number {
    const { status, fields, body } = reply;
    const text = JSON.stringify([status, fields, body]);
    let number = this.#replyNumbers.get(text);
    if (number === undefined) {
      number = FIRST_REPLY + this.#replies.push(reply) - 1;
      this.#replyNumbers.set(text, number);
    }
    return number;
  }

  #template(text: string): string {
    const known = this.#templates.get(text);
    if (known !== undefined) return known;
    const name = `text_${this.#templates.size}`;
    this.#templates.set(text, name);
    const parts = partsOfChecked(text);
    const x = parts.some((part) => "placeholder" in part) ? "x" : "_x";
    const [out, buffer] = [this.#functions, parts.length === 0 ? "_out" : "out"];
    out.block(`function ${name}(${x}: Exchange, ${buffer}: Buffer, at: number): number {`, () => {
      for (const part of parts) {
        if ("text" in part) {
          out.line(`at = putText(out, at, ${literal(part.text)});`);
        } else if ("credential" in part) {
          out.comment(part.credential);
          out.line(`at = putText(out, at, credentials[${this.#credentials.indexOf(part.credential)}]!);`);
        } else {
          const { fn } = PLACEHOLDERS[part.placeholder]!;
          this.placeholders.add(fn);
          out.line(`at = ${fn}(x, out, at);`);
        }
      }
      out.line("return at;");
    });
    return name;
  }
}

function isTemplate(value: Value): value is { kind: "template"; text: string } {
  return (value as { kind?: unknown }).kind === "template";
}

function isReply(value: Value): value is ReplyValue {
  return (value as { kind?: unknown }).kind === "reply";
}

export function isField(value: Value): value is FieldValue {
  return (value as { kind?: unknown }).kind === "field";
}
