/** Tables: each has a caption, and roles, since a phone shows rows as blocks (style/6-phone-print.css). */
import { pieces } from "./fold.ts";
import { type Html, html, type Part } from "./html.ts";
import { grouped } from "./numbers.ts";

export interface Table {
  readonly caption: Part;
  /** Class of style/; left out, none. */
  readonly kind?: string;
  /** A number's begins with "#". */
  readonly columns: readonly string[];
  /** Made by `row`. */
  readonly rows: readonly Part[];
}

/** A long one is cut into tables that unfold. @param titleOf of a piece, from the places of its first and last row */
export function renderTable(table: Table, titleOf?: (from: number, to: number) => Html): Html {
  const { caption, rows } = table;
  const parts = pieces(rows.length);
  if (parts.length <= 1) return renderWhole(table);
  const folds = parts.map(([from, to]) => {
    const places = html`${grouped(from + 1)} to ${grouped(to + 1)}`;
    const part = renderWhole({ ...table, caption: places, rows: rows.slice(from, to + 1) });
    return html`<details class="fold"><summary>${titleOf?.(from, to) ?? places} <small>${to - from + 1}</small></summary>\n${part}</details>\n`;
  });
  return html`<p class="caption">${caption}</p>\n${folds}`;
}

function renderWhole({ caption, kind, columns, rows }: Table): Html {
  const heads = columns.map((name) =>
    name.startsWith("#")
      ? html`<th role="columnheader" class="n">${name.slice(1)}</th>`
      : html`<th role="columnheader">${name}</th>`,
  );
  return html`<table role="table"${kind !== undefined && html` class="${kind}"`}><caption>${caption}</caption>
<thead role="rowgroup"><tr role="row">${heads}</tr></thead>
<tbody role="rowgroup">
${rows}</tbody></table>\n`;
}

/** A row with its cells. */
export function row(cells: readonly Html[], kind?: string): Html {
  return html`<tr role="row"${kind !== undefined && html` class="${kind}"`}>${cells}</tr>\n`;
}

/** The cell that says what its row is about. */
export function head(content: Part): Html {
  return html`<th role="rowheader" scope="row">${content}</th>`;
}

export function cell(content: Part): Html {
  return html`<td role="cell">${content}</td>`;
}

export function numberCell(content: Part): Html {
  return html`<td role="cell" class="n">${content}</td>`;
}
