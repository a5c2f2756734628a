/** Just enough of HTML to look at pages this repository writes: start tags with quoted attributes, text, entities. */

export interface HtmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
}

/** What is within a script or a style is no element. */
export function elementsOf(page: string): HtmlElement[] {
  return [...withoutRawText(page).matchAll(/<([a-z][a-z0-9]*)((?:\s+[a-z-]+(?:="[^"]*")?)*)\s*>/g)].map(
    ([, name, list]) => ({
      name: name!,
      attributes: new Map(
        [...list!.matchAll(/([a-z-]+)(?:="([^"]*)")?/g)].map(([, key, value = ""]) => [key!, decode(value)]),
      ),
    }),
  );
}

/** As a person reads it, near enough: without tags, blanks joined. */
export function textOf(page: string): string {
  return decode(
    withoutRawText(page)
      .replace(/<wbr>|<\/?(?:var|a|b|code|small|span|i|s)(?:\s[^>]*)?>/g, "")
      .replace(/<[^>]*>/g, " "),
  ).replace(/\s+/g, " ");
}

function withoutRawText(page: string): string {
  return page.replace(/(<(script|style)>)[\s\S]*?(<\/\2>)/g, "$1$3");
}

const CHARACTERS: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };

function decode(text: string): string {
  return text.replace(/&([a-z]+|#\d+);/g, (_, name: string) => CHARACTERS[name]!);
}
