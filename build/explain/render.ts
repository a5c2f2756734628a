/** `hardwire explain` as people read it. Pure: the command prints. */
import { type Budget, type MemoryTerm, type Place, showBytes, sumOf, type Term } from "../budget/term.ts";
import type { Explanation, RouteExplanation } from "./explain.ts";
import { type Latency, showMs } from "./latency.ts";

const PLACES: Readonly<Record<Place, string>> = {
  private: "private memory of the process (RssAnon)",
  kernel: "the kernel's, on its account",
  files: "pages of its files",
};
/** Routes named in one line; thousands may have the same timeouts. */
const NAMED = 6;

/** Without a last line break. */
export function renderExplanation({ name, target, routes, limits, memory, descriptors }: Explanation): string {
  return [
    `${name} for ${target}`,
    "",
    "How long a client can wait, at worst",
    ...groupRoutes(routes).flatMap(renderGroup),
    "",
    "What limits what",
    ...table(limits.map(({ limit, value, text }) => [limit, String(value), text])),
    "",
    `Memory at most: ${verdict(memory, showBytes)}`,
    ...renderMemory(memory),
    "",
    `File descriptors at most: ${verdict(descriptors, String)}`,
    ...renderTerms(descriptors.terms, String),
  ].join("\n");
}

/** Routes to one upstream with the same timeouts wait alike. */
function groupRoutes(routes: readonly RouteExplanation[]): RouteExplanation[][] {
  const groups = new Map<string, RouteExplanation[]>();
  for (const route of routes) {
    const key = JSON.stringify([route.upstream, route.latency]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [route]);
    else group.push(route);
  }
  return [...groups.values()];
}

function renderGroup(group: readonly RouteExplanation[]): string[] {
  const [{ upstream, latency } = group[0]!] = group;
  const names = group.slice(0, NAMED).map(({ name }) => name);
  if (group.length > NAMED) names.push(`${group.length - NAMED} more`);
  if (latency === null) return [`  ${names.join(", ")}: answered by the gateway itself`];
  return [`  ${names.join(", ")} → ${upstream}`, ...renderLatency(latency).map((line) => `    ${line}`)];
}

function renderLatency({ headMs, steps, isCut, requestMs, idleMs }: Latency): string[] {
  const sum = steps.reduce((total, { ms }) => total + ms, 0);
  const cut = isCut ? ` (the request timeout; without it ${showMs(sum)})` : "";
  return [
    `${showMs(headMs)} to the answer's head${cut}; add the time that a request's body takes`,
    ...table(steps.map(({ ms, formula }) => ["", showMs(ms), formula])),
    `${showMs(requestMs)} to the end of the answer (request), with no pause over ${showMs(idleMs)} (idle)`,
  ];
}

function renderMemory({ terms }: Budget<MemoryTerm>): string[] {
  return (["private", "kernel", "files"] as const).flatMap((place) => {
    const own = terms.filter((term) => term.place === place);
    return [`  ${showBytes(sumOf(own))}  ${PLACES[place]}`, ...renderTerms(own, showBytes).map((line) => `  ${line}`)];
  });
}

function renderTerms(terms: readonly (Term & { readonly parts?: readonly Term[] })[], show: (n: number) => string) {
  return table(
    terms.flatMap((term) => [
      termRow(term, show, ""),
      ...(term.parts ?? []).map((part) => termRow(part, show, "  of it live: ")),
    ]),
  );
}

function termRow({ name, amount, formula, setting }: Term, show: (n: number) => string, mark: string): string[] {
  return [show(amount), `${mark}${name}`, setting === undefined ? formula : `${formula}  [${setting}]`];
}

function verdict({ total, limit }: Budget, show: (amount: number) => string): string {
  return limit === undefined ? show(total) : `${show(total)} of ${show(limit)}, ${show(limit - total)} to spare`;
}

/** Columns, the first ones padded. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => {
    const cells = row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column]!)));
    return `  ${cells.join("  ")}`.replace(/^ {4}(?=\S)/, "  ");
  });
}
