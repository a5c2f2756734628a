/** What it was made from, and how to recognise it: versions and hashes. */
import { basename } from "node:path";
import { makeManifest } from "../manifest.ts";
import { html } from "./html.ts";
import type { PageInput, Section } from "./input.ts";

export function originSection({ design, built }: PageInput): Section {
  const { packed, bundled } = built;
  const { versions, sha256 } = makeManifest(design, bundled);
  const { routes, target } = design;
  const files = [target.source, ...(target.source.extended ?? [])].map(({ file }) => basename(file));
  const rows: readonly (readonly [string, string])[] = [
    [`executable, ${basename(packed.outFile)}`, packed.sha256.artefact],
    ["payload: program, manifest, tests", packed.sha256.payload],
    ["program", sha256.program],
    [`runtime: Node ${versions.node}, prepared`, sha256.runtime],
    [`network library: uWebSockets.js ${versions.uwebsockets}, prepared`, sha256.addon],
    [`routes file, ${basename(routes.source.file)}`, sha256.routes],
    [`target file, ${files.join(" and ")}`, sha256.target],
  ];
  return {
    id: "origin",
    title: "Hashes",
    content: html`
<table class="hashes" role="table"><caption>SHA-256 of what came out, of what is in it, and of what it was made from</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader">Of</th><th role="columnheader">SHA-256</th></tr></thead>
<tbody role="rowgroup">
${rows.map(([name, hash]) => html`<tr role="row"><th role="rowheader" scope="row">${name}</th><td role="cell"><code>${hash}</code></td></tr>\n`)}</tbody></table>
<p>Made by hardwire ${versions.hardwire}. <code>sha256sum</code> of the file, and <code>hardwire inspect</code> of the file, say the same.</p>`,
  };
}
