/** What is in the executable: bytes of its parts, of the features, and of every module. */
import { showBytes } from "../budget/term.ts";
import type { Feature } from "../feature.ts";
import { bar } from "./bars.ts";
import { type Html, html, type Part } from "./html.ts";
import type { PageInput, Section } from "./input.ts";
import { grouped } from "./numbers.ts";

interface Module {
  readonly path: string;
  readonly bytes: number;
}

/** Modules that belong together. */
interface Group {
  readonly name: string;
  readonly kind: string;
  readonly about: string;
  readonly modules: readonly Module[];
  readonly bytes: number;
}

export function programSection({ design, built, features }: PageInput): Section {
  const { bundled, packed } = built;
  const groups = groupsOf(bundled.inputs, features);
  const rest = bundled.bytes - groups.reduce((sum, { bytes }) => sum + bytes, 0);
  const most = Math.max(...groups.map(({ bytes }) => bytes));
  const unused = features.filter(({ name }) => !design.plan.features.some((feature) => feature.name === name));
  return {
    id: "program",
    title: "What is in it",
    note: showBytes(bundled.bytes),
    content: html`
<p>The program has <b>${grouped(bundled.bytes)} bytes</b> of at most ${grouped(design.bytesMax.payload)}. ${unused.length > 0 && html`Left out, since no route uses them: ${unused.map(({ name }) => name).join(", ")}.`}</p>
<table class="chart" role="table"><caption>Bytes by part of the program</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader">Part</th><th role="columnheader" class="n">Bytes</th><th role="columnheader">What it is</th></tr></thead>
<tbody role="rowgroup">
${groups.map((group) => renderGroup(group, most))}<tr role="row"><th role="rowheader" scope="row">bundler</th><td role="cell" class="n">${grouped(rest)}</td><td role="cell">what joins the modules</td></tr>
</tbody></table>
<details class="fold"><summary>Every module <small>${bundled.inputs.length}</small></summary>
${renderModules(groups)}</details>
<table role="table"><caption>Bytes of the executable</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader">Part</th><th role="columnheader" class="n">Bytes</th></tr></thead>
<tbody role="rowgroup">
${renderParts(packed.bytes)}</tbody></table>`,
  };
}

function groupsOf(inputs: readonly Module[], features: readonly Feature[]): Group[] {
  const make = (name: string, kind: string, about: string, prefix: string): Group => {
    const modules = inputs.filter(({ path }) => path.startsWith(prefix)).toSorted((a, b) => b.bytes - a.bytes);
    return { name, kind, about, modules, bytes: modules.reduce((sum, { bytes }) => sum + bytes, 0) };
  };
  const groups = [
    make("core", "files", "the data plane, which every gateway has", "src/core/"),
    make("generated", "private", "made from the routes file and the target file", "generated/"),
    ...features.map(({ name, summary }) => make(name, "kernel", `feature: ${summary}`, `src/features/${name}/`)),
  ];
  return groups.filter(({ modules }) => modules.length > 0).sort((a, b) => b.bytes - a.bytes);
}

function renderGroup({ name, kind, about, bytes }: Group, most: number): Html {
  return html`<tr role="row"><th role="rowheader" scope="row">${name}${bar([{ amount: bytes, kind }], most)}</th><td role="cell" class="n">${grouped(bytes)}</td><td role="cell">${about}</td></tr>\n`;
}

function renderModules(groups: readonly Group[]): Html {
  const all = groups.flatMap(({ kind, modules }) => modules.map((module) => ({ ...module, kind })));
  const sorted = all.toSorted((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1));
  const most = Math.max(1, sorted[0]?.bytes ?? 1);
  const rows: Part = sorted.map(
    ({ path, bytes, kind }) =>
      html`<tr role="row"><th role="rowheader" scope="row"><code>${path}</code>${bar([{ amount: bytes, kind }], most)}</th><td role="cell" class="n">${grouped(bytes)}</td></tr>\n`,
  );
  return html`<table class="chart" role="table"><caption>Bytes by module, after everything unused has been left out</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader">Module</th><th role="columnheader" class="n">Bytes</th></tr></thead>
<tbody role="rowgroup">
${rows}</tbody></table>`;
}

function renderParts({ artefact, runtime, addon, bundle }: PageInput["built"]["packed"]["bytes"]): Part {
  const parts: [string, number][] = [
    ["runtime: Node, prepared", runtime],
    ["network library: uWebSockets.js, prepared", addon],
    ["program", bundle],
    ["manifest, tests, alignment", artefact - runtime - addon - bundle],
    ["the whole file", artefact],
  ];
  return parts.map(
    ([name, bytes]) =>
      html`<tr role="row"><th role="rowheader" scope="row">${name}</th><td role="cell" class="n">${grouped(bytes)}</td></tr>\n`,
  );
}
