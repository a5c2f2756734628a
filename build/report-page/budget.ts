/** Where memory and file descriptors go at most, as charts: the terms of the budgets, largest first. */
import { descriptorBudget } from "../budget/descriptors.ts";
import { memoryBudget } from "../budget/memory.ts";
import { type Budget, type MemoryTerm, type Place, showBytes, sumOf, type Term } from "../budget/term.ts";
import type { Plan } from "../plan.ts";
import { bar } from "./bars.ts";
import { type Html, html, join, type Part } from "./html.ts";
import type { Section } from "./input.ts";
import { grouped } from "./numbers.ts";
import { cell, head, numberCell, renderTable, row } from "./table.ts";

const PLACES: Readonly<Record<Place, string>> = {
  private: "the process's own",
  kernel: "the kernel's, on its account",
  files: "pages of its files",
};

export function memorySection(plan: Plan): Section {
  const budget = memoryBudget(plan);
  const { terms, total, limit } = budget;
  const places = (Object.keys(PLACES) as Place[]).map((place) => ({
    place,
    amount: sumOf(terms.filter((term) => term.place === place)),
  }));
  const legend = places.map(
    ({ place, amount }) => html`<li><i class="key ${place}"></i>${PLACES[place]} <b>${showBytes(amount)}</b></li>`,
  );
  return {
    id: "memory",
    title: "Memory at most",
    note: showBytes(total),
    content: html`
<p>${verdict(budget, showBytes, "memory.budget")}</p>
<div class="whole">${bar(
      places.map(({ place, amount }) => ({ amount, kind: place })),
      limit ?? total,
    )}<ul>${legend}</ul></div>
${renderTerms("What it is the sum of, everything at its limit at once", terms, showBytes, (term) => term.place)}`,
  };
}

export function descriptorsSection(plan: Plan): Section {
  const budget = descriptorBudget(plan);
  const { terms, total, limit } = budget;
  return {
    id: "descriptors",
    title: "Descriptors at most",
    note: grouped(total),
    content: html`
<p>${verdict(budget, grouped, "limits.descriptors")}</p>
${limit !== undefined && html`<div class="whole">${bar([{ amount: total, kind: "private" }], limit)}</div>`}
${renderTerms("What it is the sum of", terms, grouped, () => "private")}`,
  };
}

function verdict({ total, limit }: Budget, show: (amount: number) => string, setting: string): Html {
  if (limit === undefined) return html`<b>${show(total)}</b>; the target sets no <code>${setting}</code>.`;
  return html`<b>${show(total)}</b> of ${show(limit)}, ${show(limit - total)} to spare (<code>${setting}</code>).`;
}

function renderTerms<T extends Term & Partial<Pick<MemoryTerm, "parts">>>(
  caption: string,
  terms: readonly T[],
  show: (amount: number) => string,
  kindOf: (term: T) => string,
): Html {
  const most = terms[0]?.amount ?? 1;
  const rows = terms.map((term) => [
    renderTerm(term, show, most, kindOf(term), false),
    (term.parts ?? []).map((part) => renderTerm(part, show, most, "part", true)),
  ]);
  return renderTable({ caption, kind: "chart", columns: ["Term", "#At most", "How it comes about"], rows });
}

function renderTerm(term: Term, show: (amount: number) => string, most: number, kind: string, isPart: boolean): Part {
  const { name, amount, formula, setting } = term;
  const settings = setting?.split(", ").map((one) => html`<code>${one}</code>`) ?? [];
  const formulaCell = cell(
    html`${formula}${settings.length > 0 && html` <span class="setting">${join(settings, " ")}</span>`}`,
  );
  const title = head(html`${isPart && "live: "}${name}${bar([{ amount, kind }], most)}`);
  return row([title, numberCell(show(amount)), formulaCell], isPart ? "part" : undefined);
}
