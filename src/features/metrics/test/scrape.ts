/** Asks for the page as a Prometheus does, and reads it. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Answer, ask, get, ports } from "../../../../test/harness.ts";

/** What Prometheus sends. */
export const ACCEPT_OPEN =
  "Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

export function askPage(...fields: string[]): Promise<Answer> {
  return ask(ports.admin, get("/metrics", ...fields));
}

export async function scrape(...fields: string[]): Promise<string> {
  return (await askPage(...fields)).body.toString();
}

/** Series as the text names them, `http_requests_total{route="a",code="2xx"}`, and their values. */
export type Series = ReadonlyMap<string, number>;

/** page.test.ts holds this against what Prometheus reads. */
export function seriesOf(text: string): Series {
  const lines = [...text.matchAll(/^([^# ][^ ]*) (.+)$/gm)];
  return new Map(lines.map(([, name, value]) => [name!, Number(value)]));
}

export interface Described {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  /** Names, in order, without that of a histogram's buckets. */
  readonly labels: string;
}

export function descriptionsOf(text: string): Described[] {
  const families = text.matchAll(/^# HELP (\w+) (.*)\n# TYPE \1 (\w+)\n\w+(?:\{(.*)\})? /gm);
  return [...families].map(([, name, help, type, labels = ""]) => {
    const names = [...labels.matchAll(/(\w+)=/g)].map(([, label]) => label!).filter((label) => label !== "le");
    return { name: name!, type: type!, help: help!, labels: names.join(" ") };
  });
}

/** What counts requests: neither times nor gauges nor the process's own. */
const COUNTS = /^(http|upstream|gateway)_\w+_(total|count)\b/;

/** By how much the counts of requests have grown; what has not is left out. */
export function growth(before: Series, after: Series): Record<string, number> {
  const grown = [...after].map(([name, value]) => [name, value - (before.get(name) ?? 0)] as const);
  return Object.fromEntries(grown.filter(([name, more]) => more !== 0 && COUNTS.test(name)).sort());
}

export const PROMTOOL = "/usr/bin/promtool";
export const skipWithoutPromtool = !existsSync(PROMTOOL) && "needs promtool of Debian's package prometheus";

/** What promtool has to say of a page, "" if nothing. */
export function lint(text: string): string {
  const { stdout, stderr, status, error } = spawnSync(PROMTOOL, ["check", "metrics"], {
    input: text,
    encoding: "utf8",
  });
  if (error !== undefined) throw error;
  return `${stdout}${stderr}${status === 0 ? "" : `exit code ${status}`}`;
}

/**
 * What Prometheus' own reader of OpenMetrics makes of a page: its series as the page names them, with labels in order.
 * It wants the time with each value, which a page leaves to the scrape. @throws with its complaint
 */
export function readOpenMetrics(text: string): Map<string, number> {
  const folder = mkdtempSync(join(tmpdir(), "hardwire-openmetrics-"));
  const tsdb = (...args: string[]): string => {
    const { stdout, stderr, status, error } = spawnSync(PROMTOOL, ["tsdb", ...args], {
      encoding: "utf8",
      maxBuffer: 1e8,
    });
    if (error !== undefined || status !== 0) throw error ?? new Error(stderr);
    return stdout;
  };
  try {
    const file = join(folder, "page");
    const blocks = join(folder, "blocks");
    writeFileSync(file, text.replaceAll(/^([^#].*)$/gm, "$1 1700000000"));
    tsdb("create-blocks-from", "openmetrics", file, blocks);
    mkdirSync(join(blocks, "wal"));
    const lines = [...tsdb("dump", blocks).matchAll(/^\{__name__="(\w+)"(?:, )?(.*)\} (\S+) \d+$/gm)];
    return new Map(lines.map(([, name, labels, value]) => [named(name!, labels!), Number(value)]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One spelling of a series, whatever the order of its labels. */
export function named(name: string, labels: string): string {
  return `${name}{${[...labels.matchAll(/\w+="[^"]*"/g)].sort().join()}}`;
}
