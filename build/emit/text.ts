/**
 * The text builder of the emitters: indentation, literals, comments.
 *
 * What a routes file says reaches generated code only through `literal` and `comment`, and nothing in it can end
 * either: quotes, backslashes, line ends and whatever is invisible (controls, U+2028, bidirectional marks, lone
 * surrogates) is written as an escape, so that the code also shows a reader what it does.
 */

export class Text {
  #lines: string[] = [];
  #depth = 0;

  /** One line of code; "" is an empty line. */
  line(code = ""): this {
    this.#lines.push(code === "" ? "" : "  ".repeat(this.#depth) + code);
    return this;
  }

  /** `open`, the indented body, `close`. */
  block(open: string, body: () => void, close = "}"): this {
    this.line(open);
    this.#depth += 1;
    body();
    this.#depth -= 1;
    return this.line(close);
  }

  /** A line comment made of any text. */
  comment(text: string): this {
    return this.line(comment(text));
  }

  /** Everything of another text, at this one's indentation. */
  append(other: Text): this {
    for (const line of other.#lines) this.line(line);
    return this;
  }

  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }
}

/** A line comment. */
export function comment(text: string): string {
  return `// ${plain(text)}`;
}

/** A JavaScript string literal. */
export function literal(text: string): string {
  return plain(JSON.stringify(text));
}

/** A property key; computed, since a plain `__proto__` would set the prototype. */
export function key(name: string): string {
  return name === "__proto__" ? '["__proto__"]' : /^[A-Za-z_$][\w$]*$/.test(name) ? name : literal(name);
}

/** Numbers as an indented list, twenty a line. */
export function numberLines(numbers: Iterable<number>): string[] {
  const all = [...numbers];
  const lines: string[] = [];
  for (let i = 0; i < all.length; i += 20) lines.push(`${all.slice(i, i + 20).join(", ")},`);
  return lines;
}

/** `export const name: type = new type([…]);`, on one line if it is short. */
export function emitTypedArray(
  out: Text,
  exported: boolean,
  name: string,
  type: string,
  numbers: readonly number[],
): void {
  const head = `${exported ? "export " : ""}const ${name}: ${type} = new ${type}([`;
  if (numbers.length <= 20) {
    out.line(`${head}${numbers.join(", ")}]);`);
  } else {
    out.block(
      head,
      () => {
        for (const line of numberLines(numbers)) out.line(line);
      },
      "]);",
    );
  }
}

/** Everything invisible as an escape; the text stays on one line. */
function plain(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu,
    (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`,
  );
}
