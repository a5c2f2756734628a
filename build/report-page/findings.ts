/** What somebody should look at: warnings, checks that a file switches off, values that the target file replaces. */
import { nameInCode } from "../compile.ts";
import type { Diagnostic } from "../diagnostics.ts";
import { isMapping } from "../source.ts";
import { foldLong } from "./fold.ts";
import { html, type Part } from "./html.ts";
import type { PageInput, Section } from "./input.ts";
import { grouped } from "./numbers.ts";

export function warningsSection({ warnings }: PageInput): Section {
  const list = warnings.map(renderWarning);
  return {
    id: "warnings",
    title: "Warnings",
    note: grouped(warnings.length),
    content:
      warnings.length === 0
        ? html`<p class="none">None.</p>`
        : html`${foldLong(list, (from, to) => html`${grouped(from + 1)} to ${grouped(to + 1)}`)}`,
  };
}

function renderWarning({ file, line, column, code, path, message, excerpt }: Diagnostic): Part {
  const place = line === 0 ? nameInCode(file) : `${nameInCode(file)}:${line}:${column}`;
  return html`<div class="finding"><p><b class="code">${code}</b> ${path !== "" && html`<code>${path}</code> `}${message}</p>${excerpt !== undefined && html`<pre>${excerpt.trim().slice(0, 200)}</pre>`}<p class="place">${place}</p></div>\n`;
}

/** A file's way to say that a check is not meant for something. */
export function optOutsSection({ design }: PageInput): Section {
  const { overrides, routes } = design;
  const kept = unusedKept(routes.source.value).map(
    (path) => html`<li><code>${path}</code> is kept, though nothing uses it (<code>allow_unused</code>)</li>`,
  );
  const replaced = overrides.map((path) => html`<li><code>${path}</code> is what the target file says</li>`);
  const all = [...kept, ...replaced];
  return {
    id: "opt-outs",
    title: "Opt-outs and overrides",
    note: String(all.length),
    content: all.length === 0 ? html`<p class="none">None.</p>` : html`<ul>${all}</ul>`,
  };
}

function unusedKept(value: unknown, path = ""): string[] {
  if (!isMapping(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "allow_unused" && inner === true ? [path] : unusedKept(inner, path === "" ? key : `${path}.${key}`),
  );
}
