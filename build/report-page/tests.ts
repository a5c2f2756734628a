/** The tests of the routes file: what was asked of the generated code, and what became of it. */
import type { TestResult } from "../route-tests.ts";
import { html, join, type Part } from "./html.ts";
import type { PageInput, Section } from "./input.ts";
import { cell, renderTable, row } from "./table.ts";

export function testsSection({ design, built }: PageInput): Section {
  const { tests } = built;
  const { listeners } = design.plan;
  return {
    id: "tests",
    title: "Tests",
    note: tests.length === 0 ? "0" : `${tests.length} pass`,
    content:
      tests.length === 0
        ? html`<p class="none">The routes file has none.</p>`
        : renderTable({
            caption: "Asked of the generated code; where one fails no executable is written",
            kind: "tests",
            columns: ["Request", "Expected", "Result"],
            rows: tests.map((result) =>
              renderTest(result, listeners.length > 1 ? listeners[result.test.listener]!.name : undefined),
            ),
          }),
  };
}

function renderTest({ test, outcome, failures }: TestResult, listener: string | undefined): Part {
  const fields = test.fields.map(([name, value]) => html`<br><code>${name}: ${value}</code>`);
  const where = listener !== undefined && html` <small>on ${listener}</small>`;
  const verdict = failures.length === 0 ? html`<b class="pass">passes</b>` : html`<b class="fail">fails</b>`;
  const line = test.source.slice(test.source.lastIndexOf(":") + 1);
  return row([
    cell(html`<code><b>${test.method}</b> ${test.host}${test.target}</code>${where}${fields}`),
    cell(html`<span class="label">expected </span>${join(expectations(test.expect), html`<br>`)}`),
    cell(html`${verdict} <small>${outcome}</small> <span class="place">line ${line}</span>`),
  ]);
}

/** `route: device`, `request_headers: Forwarded must not be there` */
function expectations(expect: object): Part[] {
  return Object.entries(expect).flatMap(([key, value]: [string, unknown]): Part[] => {
    if (value === undefined) return [];
    if (typeof value !== "object" || Array.isArray(value) || value === null) {
      return [html`${key} <code>${Array.isArray(value) ? value.join(", ") : String(value)}</code>`];
    }
    return Object.entries(value).map(([name, wanted]: [string, unknown]) =>
      wanted === null ? html`no <code>${name}</code>` : html`<code>${name}: ${String(wanted)}</code>`,
    );
  });
}
