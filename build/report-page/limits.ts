/** What the gateway runs out of first, and what a client sees then. */
import { limitNotes } from "../explain/limits.ts";
import type { Plan } from "../plan.ts";
import { html, join, type Part } from "./html.ts";
import type { Section } from "./input.ts";
import { grouped } from "./numbers.ts";

export function limitsSection(plan: Plan): Section {
  const rows = limitNotes(plan).map(
    ({ limit, value, text }) =>
      html`<tr role="row"><th role="rowheader" scope="row"><code>${breakable(limit)}</code></th><td role="cell" class="n">${grouped(value)}</td><td role="cell">${text}</td></tr>\n`,
  );
  return {
    id: "limits",
    title: "What limits what",
    content: html`
<table role="table"><caption>And what happens to a request that is beyond it</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader">Limit</th><th role="columnheader" class="n">At most</th><th role="columnheader">Beyond it</th></tr></thead>
<tbody role="rowgroup">
${rows}</tbody></table>`,
  };
}

/** After each dot, rather than anywhere. */
function breakable(name: string): Part {
  return join(name.split(/(?<=\.)/), html`<wbr>`);
}
