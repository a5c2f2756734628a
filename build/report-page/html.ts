/**
 * HTML from tagged templates: whatever is put in is escaped, unless it is HTML already. Enough for one page, and nothing
 * that comes from a file can become markup.
 */

/** Text that is HTML. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What can stand in a template; undefined and false put nothing there. */
export type Part = Html | string | number | undefined | false | readonly Part[];

/** Attributes go between double quotes. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let text = strings[0]!;
  for (const [i, part] of parts.entries()) text += show(part) + strings[i + 1]!;
  return new Html(text);
}

function show(part: Part): string {
  if (part === undefined || part === false) return "";
  if (part instanceof Html) return part.text;
  if (typeof part === "object") return part.map(show).join("");
  return escapeText(String(part));
}

/** Between the entries of a list. */
export function join(parts: readonly Part[], separator: Part): Part {
  return parts.flatMap((part, i) => (i === 0 ? [part] : [separator, part]));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Characters that nobody sees, or that reorder what is read, become visible. */
function escapeText(text: string): string {
  return text
    .replace(/[&<>"']/g, (char) => ENTITIES[char]!)
    .replace(
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
      (char) => `\\u{${char.charCodeAt(0).toString(16)}}`,
    );
}
