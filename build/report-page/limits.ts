/** What the gateway runs out of first, and what a client sees then. */
import { limitNotes } from "../explain/limits.ts";
import type { Plan } from "../plan.ts";
import { html, join, type Part } from "./html.ts";
import type { Section } from "./input.ts";
import { grouped } from "./numbers.ts";
import { cell, head, numberCell, renderTable, row } from "./table.ts";

export function limitsSection(plan: Plan): Section {
  const rows = limitNotes(plan).map(({ limit, value, text }) =>
    row([head(html`<code>${breakable(limit)}</code>`), numberCell(grouped(value)), cell(text)]),
  );
  const caption = "And what happens to a request that is beyond it";
  return {
    id: "limits",
    title: "What limits what",
    content: renderTable({ caption, columns: ["Limit", "#At most", "Beyond it"], rows }),
  };
}

/** After each dot, rather than anywhere. */
function breakable(name: string): Part {
  return join(name.split(/(?<=\.)/), html`<wbr>`);
}
