/** Long lists, cut into pieces that unfold: a page of thousands of entries that can still be looked over. */
import { type Html, html, type Part } from "./html.ts";

const PIECE = 100;

/** @param titleOf of a piece, from the places of its first and its last entry */
export function foldLong(entries: readonly Part[], titleOf: (from: number, to: number) => Html): Part {
  if (entries.length <= PIECE) return entries;
  return pieces(entries.length).map(
    ([from, to]) =>
      html`<details class="fold"><summary>${titleOf(from, to)} <small>${to - from + 1}</small></summary>\n${entries.slice(from, to + 1)}</details>\n`,
  );
}

/** First and last place of each. */
export function pieces(length: number): [from: number, to: number][] {
  return Array.from({ length: Math.ceil(length / PIECE) }, (_, i) => [
    i * PIECE,
    Math.min((i + 1) * PIECE, length) - 1,
  ]);
}
