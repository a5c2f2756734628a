/** The head of the page: what was built, and the figures one looks for first. */
import { descriptorBudget } from "../budget/descriptors.ts";
import { memoryBudget } from "../budget/memory.ts";
import { showBytes } from "../budget/term.ts";
import { bar } from "./bars.ts";
import { type Html, html, type Part } from "./html.ts";
import type { PageInput } from "./input.ts";
import { count, grouped } from "./numbers.ts";

export function renderSummary({ design, built, warnings }: PageInput): Html {
  const { plan } = design;
  const { bundled, packed, tests } = built;
  const binary = Number.isFinite(design.bytesMax.binary) ? design.bytesMax.binary : undefined;
  const [memory, descriptors] = [memoryBudget(plan), descriptorBudget(plan)];
  const upstreams = count(plan.upstreams.length, "upstream");
  const listeners = count(plan.listeners.length, "listener");
  return html`<header>
<p class="kind">hardwire build report</p>
<h1>${plan.name} <span>${plan.target}</span></h1>
<p>${count(plan.routes.length, "route")} to ${upstreams} on ${listeners}, with ${plan.features.map(({ name }) => name).join(", ") || "no features"}. Runs on Linux with glibc ${packed.glibc} or newer.</p>
<dl class="facts">
${fact("#memory", "Memory at most", showBytes(memory.total), ofLimit(memory.limit, showBytes), gauge(memory))}
${fact("#descriptors", "Descriptors at most", grouped(descriptors.total), ofLimit(descriptors.limit, grouped), gauge(descriptors))}
${fact("#program", "Program", showBytes(bundled.bytes), `of ${showBytes(design.bytesMax.payload)}`, gauge({ total: bundled.bytes, limit: design.bytesMax.payload }))}
${fact("#program", "Executable", showBytes(packed.bytes.artefact), ofLimit(binary, showBytes), gauge({ total: packed.bytes.artefact, limit: binary }))}
${fact("#tests", "Tests", tests.length === 0 ? "none" : grouped(tests.length), tests.length === 0 ? "" : "all pass")}
${fact("#warnings", "Warnings", warnings.length === 0 ? "none" : grouped(warnings.length), "")}
</dl>
</header>`;
}

function fact(href: string, name: string, value: string, more: string, chart?: Part): Html {
  return html`<div><dt><a href="${href}">${name}</a></dt><dd><b>${value}</b>${chart}${more}</dd></div>`;
}

function ofLimit(limit: number | undefined, show: (amount: number) => string): string {
  return limit === undefined ? "" : `of ${show(limit)}`;
}

function gauge({ total, limit }: { readonly total: number; readonly limit: number | undefined }): Part {
  return limit !== undefined && bar([{ amount: total, kind: "private" }], limit);
}
