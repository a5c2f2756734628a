/** Bars of charts. What they show is always beside them as a number, so they are hidden from screen readers. */
import { type Html, html, type Part } from "./html.ts";

export interface Share {
  readonly amount: number;
  /** Class of style/3-tables.css that gives the colour. */
  readonly kind: string;
}

/** One after the other, of `whole`; what is left of it stays empty. @param mark where a line goes across */
export function bar(shares: readonly Share[], whole: number, mark?: number): Html {
  const parts: Part[] = shares
    .filter(({ amount }) => amount > 0)
    .map(({ amount, kind }) => html`<i class="${kind}" style="width:${percent(amount, whole)}"></i>`);
  return html`<span class="bar" aria-hidden="true">${parts}${mark !== undefined && html`<s style="left:${percent(mark, whole)}"></s>`}</span>`;
}

function percent(amount: number, whole: number): string {
  return `${Number(((100 * amount) / whole).toFixed(2))}%`;
}
