/** What is in the executable: bytes of its parts, of the features, and of every module. */
import { showBytes } from "../budget/term.ts";
import type { Feature } from "../feature.ts";
import { bar } from "./bars.ts";
import { type Html, html } from "./html.ts";
import type { PageInput, Section } from "./input.ts";
import { grouped } from "./numbers.ts";
import { cell, head, numberCell, renderTable, row } from "./table.ts";

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
  const rows = [
    ...groups.map((group) => renderGroup(group, most)),
    row([head("bundler"), numberCell(grouped(rest)), cell("what joins the modules")]),
  ];
  const unused = features.filter(({ name }) => !design.plan.features.some((feature) => feature.name === name));
  return {
    id: "program",
    title: "What is in it",
    note: showBytes(bundled.bytes),
    content: html`
<p>The program has <b>${grouped(bundled.bytes)} bytes</b> of at most ${grouped(design.bytesMax.payload)}. ${unused.length > 0 && html`Left out, since nothing uses them: ${unused.map(({ name }) => name).join(", ")}.`}</p>
${renderTable({ caption: "Bytes by part of the program", kind: "chart", columns: ["Part", "#Bytes", "What it is"], rows })}
<details class="fold"><summary>Every module <small>${bundled.inputs.length}</small></summary>
${renderModules(groups)}</details>
${renderTable({ caption: "Bytes of the executable", columns: ["Part", "#Bytes"], rows: renderParts(packed.bytes) })}`,
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
  return row([head(html`${name}${bar([{ amount: bytes, kind }], most)}`), numberCell(grouped(bytes)), cell(about)]);
}

function renderModules(groups: readonly Group[]): Html {
  const all = groups.flatMap(({ kind, modules }) => modules.map((module) => ({ ...module, kind })));
  const sorted = all.toSorted((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1));
  const most = Math.max(1, sorted[0]?.bytes ?? 1);
  const rows = sorted.map(({ path, bytes, kind }) =>
    row([head(html`<code>${path}</code>${bar([{ amount: bytes, kind }], most)}`), numberCell(grouped(bytes))]),
  );
  const caption = "Bytes by module, after everything unused has been left out";
  return renderTable({ caption, kind: "chart", columns: ["Module", "#Bytes"], rows });
}

function renderParts({ artefact, runtime, addon, bundle }: PageInput["built"]["packed"]["bytes"]): Html[] {
  const parts: [string, number][] = [
    ["runtime: Node, prepared", runtime],
    ["network library: uWebSockets.js, prepared", addon],
    ["program", bundle],
    ["manifest, tests, alignment", artefact - runtime - addon - bundle],
    ["the whole file", artefact],
  ];
  return parts.map(([name, bytes]) => row([head(name), numberCell(grouped(bytes))]));
}
