/**
 * `hardwire build --report DIR`: one HTML page that says what was built. It asks for nothing but itself, needs no
 * script to be read, and is the same for the same build. One file here is one section.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PackError } from "../pack.ts";
import { behavioursOf } from "./behaviour.ts";
import { descriptorsSection, memorySection } from "./budget.ts";
import { optOutsSection, warningsSection } from "./findings.ts";
import { Html, html } from "./html.ts";
import type { PageInput, Section } from "./input.ts";
import { limitsSection } from "./limits.ts";
import { observedSection } from "./observed.ts";
import { originSection } from "./origin.ts";
import { programSection } from "./program.ts";
import { mapSection } from "./route-map.ts";
import { routesSection } from "./routes.ts";
import { renderSummary } from "./summary.ts";
import { testsSection } from "./tests.ts";
import { upstreamsSection } from "./upstreams.ts";

/** In the order of the files' names. */
const STYLE = readdirSync(join(import.meta.dirname, "style"))
  .sort()
  .map((name) => readBeside(`style/${name}`))
  .join("\n");
const SCRIPT = readBeside("filter.js");

/** From so many on, a browser is spared what is not on its screen (style/4-routes.css). */
const ROUTES_MANY = 200;

/** @returns the file's path @throws PackError 73 if it cannot be written */
export async function writeReport(folder: string, input: PageInput): Promise<string> {
  const file = join(folder, "index.html");
  try {
    // Not recursive, see makeFolders in compile.ts.
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    await writeFile(file, renderPage(input));
  } catch (error) {
    throw new PackError(`cannot write ${file}: ${(error as Error).message}`, 73);
  }
  return file;
}

function renderPage(input: PageInput): string {
  const { plan } = input.design;
  const behaviours = behavioursOf(plan);
  const sections = [
    mapSection(plan, behaviours.ofRoute),
    routesSection(plan, behaviours, input.features),
    testsSection(input),
    warningsSection(input),
    optOutsSection(input),
    upstreamsSection(plan),
    observedSection(input),
    limitsSection(plan),
    memorySection(plan),
    descriptorsSection(plan),
    programSection(input),
    originSection(input),
  ].filter((section) => section !== undefined);
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hashOf(SCRIPT)}'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${plan.name} for ${plan.target}: hardwire build report</title>
<link rel="icon" href="data:,">
<style>
${new Html(STYLE)}</style>
</head>
<body${plan.routes.length > ROUTES_MANY && html` class="many"`}>
${renderSummary(input)}
<nav aria-label="Sections"><ul>
${sections.map(({ id, title, note }) => html`<li><a href="#${id}">${title}</a>${note !== undefined && html` <small>${note}</small>`}</li>\n`)}</ul></nav>
<main>
${sections.map(renderSection)}</main>
<script>${new Html(SCRIPT)}</script>
</body>
</html>
`;
  return page.text;
}

function renderSection({ id, title, content }: Section): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${content}</section>\n`;
}

function readBeside(name: string): string {
  return readFileSync(join(import.meta.dirname, name), "utf8");
}

/** As the page's policy names the one script it may run. */
function hashOf(script: string): string {
  return createHash("sha256").update(script).digest("base64");
}
