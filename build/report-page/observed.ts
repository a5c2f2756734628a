/** What the program tells of its work: the features that observe, and the pages on admin listeners. */
import type { PlannedAdminListener } from "../plan.ts";
import { type Html, html, join } from "./html.ts";
import type { PageInput, Section } from "./input.ts";
import { settingLines } from "./steps.ts";
import { cell, head, renderTable, row } from "./table.ts";
import { endpointUrl } from "./upstreams.ts";

export function observedSection({ design: { plan }, features }: PageInput): Section | undefined {
  if (plan.program.size === 0) return undefined;
  const rows = features.flatMap(({ name, summary, programKeys = {} }) => {
    const use = plan.program.get(name);
    if (use === undefined) return [];
    const settings = Object.keys(programKeys).flatMap((key) => plan.observability[key] ?? []);
    const pages = (use.pages ?? []).map(({ listener, path }) => html`<li>${listener} <code>${path}</code></li>`);
    return row([
      head(html`<b>${name}</b>`),
      cell(summary),
      cell(
        join(
          settings.flatMap((one) => settingLines(one as Record<string, unknown>)),
          " ",
        ),
      ),
      cell(pages.length === 0 ? "" : html`<ul>${pages}</ul>`),
    ]);
  });
  return {
    id: "observed",
    title: "What it tells of its work",
    note: String(plan.program.size),
    content: html`
${renderTable({ caption: "Of every request, whatever its route", columns: ["Feature", "What it does", "Settings", "Pages"], rows })}
${plan.adminListeners.length > 0 && html`<p>Admin listeners serve these pages and no route, and ask nobody who they are: ${join(plan.adminListeners.map(whoReaches), "; ")}.</p>`}`,
  };
}

function whoReaches(listener: PlannedAdminListener): Html {
  const { name, host, socketPath } = listener;
  const local = socketPath !== "" || host === "::1" || host.startsWith("127.");
  return html`${name} at <code>${endpointUrl(listener)}</code> is reached from ${local ? "this machine alone" : html`<b>other machines</b>`}`;
}
