/**
 * Draws the results as an SVG for the README: CPU per request beside nginx, then memory and start. It carries its own
 * background and colours for light and dark, and names only fonts that every system substitutes.
 */
import { writeFileSync } from "node:fs";
import type { Results } from "./results.ts";
import { PEERS } from "./scenarios.ts";

const WIDTH = 760;
const LABEL_WIDTH = 210;
/** Right of the longest bar, a column for the figures. */
const FIGURE_WIDTH = 100;
const FIGURE_GAP = 10;
const BAR = 11;
const BAR_STEP = 14;
const ROW_STEP = PEERS.length * BAR_STEP + 14;
const MARGIN = 24;

const STYLE = `
  .ground { fill: #ffffff; stroke: #d0d7de }
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 16px }
  .quiet { fill: #59636e; font-size: 12px }
  .figure { font-size: 11px; font-variant-numeric: tabular-nums }
  .mark { stroke: #59636e; stroke-dasharray: 3 3 }
  .nginx { fill: #8c959f }
  .haproxy { fill: #c4cad1 }
  .hardwire { fill: #d9480f }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #3d444d }
    text { fill: #e6edf3 }
    .quiet { fill: #9198a1 }
    .mark { stroke: #9198a1 }
    .nginx { fill: #7d8590 }
    .haproxy { fill: #4a525c }
    .hardwire { fill: #ff7a33 }
  }`;

interface Row {
  readonly label: string;
  /** Length of the bar, and the figure that stands beside it, by peer. */
  readonly bars: Readonly<Record<string, { readonly value: number; readonly figure: string }>>;
}

export function drawPlot(path: string, results: Results): void {
  writeFileSync(path, renderPlot(results));
}

export function renderPlot(results: Results): string {
  const cpu = cpuRows(results);
  const rest = [...memoryRows(results), ...startRows(results)];
  const cpuTop = MARGIN + 68;
  const restTop = cpuTop + cpu.length * ROW_STEP + 48;
  const height = restTop + rest.length * ROW_STEP + MARGIN + 14;
  const { machine, versions, effort } = results;
  const note =
    `${machine.processor}, loopback, one core each, keep-alive; medians of ${effort.rounds} interleaved ` +
    `rounds; nginx ${versions.nginx}, HAProxy ${versions.haproxy}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    "<title>hardwire beside nginx and HAProxy: CPU time per request, memory and start</title>",
    `<style>${STYLE}\n</style>`,
    `<rect class="ground" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>`,
    text(MARGIN, MARGIN + 14, "CPU time per request", "title"),
    text(MARGIN, MARGIN + 34, "nginx = 1, shorter is better", "quiet"),
    ...renderLegend(MARGIN + 10),
    ...renderRows(cpu, cpuTop),
    ...renderMark(cpu, cpuTop),
    text(MARGIN, restTop - 18, "Private memory and start", "title"),
    ...renderRows(rest, restTop),
    text(MARGIN, height - MARGIN + 6, note, "quiet"),
    "</svg>\n",
  ].join("\n");
}

function cpuRows({ scenarios }: Results): Row[] {
  return Object.values(scenarios).flatMap(({ title, programs, ratios }) => {
    if (programs.nginx === undefined) return [];
    return [
      makeRow(title, (peer) => {
        // Hardwire's other builds stand in its row.
        const name = Object.keys(programs).find((program) => program.startsWith(peer))!;
        const ratio = peer === "nginx" ? 1 : ratios[`${name}/nginx`]!.cpu;
        return { value: ratio, figure: `${ratio.toFixed(2)}  (${programs[name]!.cpuUsPerRequest.toPrecision(3)} µs)` };
      }),
    ];
  });
}

function memoryRows({ memory }: Results): Row[] {
  const largest = Math.max(...Object.values(memory).map(({ loadedKb }) => loadedKb));
  const bar = (kb: number) => ({ value: kb / largest, figure: `${(kb / 1000).toFixed(1)} MB` });
  return [
    makeRow("memory, idle", (peer) => bar(memory[peer]!.idleKb)),
    makeRow("memory, after 64 connections", (peer) => bar(memory[peer]!.loadedKb)),
  ];
}

function startRows({ startMs }: Results): Row[] {
  const longest = Math.max(...Object.values(startMs));
  return [
    makeRow("exec to first answer", (peer) => ({
      value: startMs[peer]! / longest,
      figure: `${startMs[peer]!.toFixed(0)} ms`,
    })),
  ];
}

function makeRow(label: string, bar: (peer: string) => Row["bars"][string]): Row {
  return { label, bars: Object.fromEntries(PEERS.map((peer) => [peer, bar(peer)])) };
}

function scaleOf(rows: readonly Row[]): number {
  const longest = Math.max(...rows.flatMap(({ bars }) => Object.values(bars).map(({ value }) => value)));
  return (WIDTH - 2 * MARGIN - LABEL_WIDTH - FIGURE_WIDTH) / longest;
}

function renderRows(rows: readonly Row[], top: number): string[] {
  const scale = scaleOf(rows);
  return rows.flatMap(({ label, bars }, row) => {
    const y = top + row * ROW_STEP;
    return [
      text(MARGIN, y + BAR_STEP + BAR / 2 + 4, label),
      ...PEERS.flatMap((peer, i) => {
        const { value, figure } = bars[peer]!;
        const width = (value * scale).toFixed(1);
        const x = MARGIN + LABEL_WIDTH;
        const at = y + i * BAR_STEP;
        return [
          `<rect class="${peer}" x="${x}" y="${at}" width="${width}" height="${BAR}" rx="2"/>`,
          text(WIDTH - MARGIN - FIGURE_WIDTH + FIGURE_GAP, at + BAR - 1.5, figure, "figure"),
        ];
      }),
    ];
  });
}

/** A line down through all rows at 1, over nginx's bars' ends. */
function renderMark(rows: readonly Row[], top: number): string[] {
  const x = (MARGIN + LABEL_WIDTH + scaleOf(rows)).toFixed(1);
  return rows.map((_, row) => {
    const y = top + row * ROW_STEP;
    return `<line class="mark" x1="${x}" y1="${y - 4}" x2="${x}" y2="${y + BAR_STEP * PEERS.length + 1}"/>`;
  });
}

const NAMES: Readonly<Record<string, string>> = { nginx: "nginx", haproxy: "HAProxy", hardwire: "hardwire" };
const LEGEND_STEP = 92;

function renderLegend(y: number): string[] {
  return PEERS.flatMap((peer, i) => {
    const x = WIDTH - MARGIN - (PEERS.length - i) * LEGEND_STEP + 16;
    return [
      `<rect class="${peer}" x="${x}" y="${y - 6}" width="11" height="11" rx="2"/>`,
      text(x + 17, y + 4, NAMES[peer]!),
    ];
  });
}

function text(x: number, y: number, content: string, kind = ""): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${kind === "" ? "" : ` class="${kind}"`}>${escaped}</text>`;
}
