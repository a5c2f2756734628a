/** What it was made from, and how to recognise it: versions and hashes. */
import { basename } from "node:path";
import { makeManifest } from "../manifest.ts";
import { html } from "./html.ts";
import type { PageInput, Section } from "./input.ts";
import { cell, head, renderTable, row } from "./table.ts";

export function originSection({ design, built }: PageInput): Section {
  const { packed, bundled } = built;
  const { versions, sha256 } = makeManifest(design, bundled);
  const { routes, target } = design;
  const files = [target.source, ...(target.source.extended ?? [])].map(({ file }) => basename(file));
  const hashes: readonly (readonly [string, string])[] = [
    [`executable, ${basename(packed.outFile)}`, packed.sha256.artefact],
    ["payload: program, manifest, tests", packed.sha256.payload],
    ["program", sha256.program],
    [`runtime: Node ${versions.node}, prepared`, sha256.runtime],
    [`network library: uWebSockets.js ${versions.uwebsockets}, prepared`, sha256.addon],
    [`routes file, ${basename(routes.source.file)}`, sha256.routes],
    [`target file, ${files.join(" and ")}`, sha256.target],
  ];
  const rows = hashes.map(([name, hash]) => row([head(name), cell(html`<code>${hash}</code>`)]));
  const caption = "Of what came out, of what is in it, and of what it was made from";
  return {
    id: "origin",
    title: "Hashes",
    content: html`
${renderTable({ caption, kind: "hashes", columns: ["Of", "SHA-256"], rows })}
<p>Made by hardwire ${versions.hardwire}. <code>sha256sum</code> and <code>hardwire inspect</code> of the file say the same.</p>`,
  };
}
