/**
 * Compares a run with the saved one. CPU per request differs from machine to machine and from minute to minute, its
 * ratio to nginx in the same run far less: so ratios are compared. A scenario fails when hardwire's ratio to nginx is
 * at least 5 % worse than saved, and the bootstrap over the rounds of both runs (statistics.ts) says with 95 % that it
 * is worse at all. A noisy machine therefore lets more pass, and never fails a change for its noise alone.
 */
import type { Results } from "./results.ts";
import { compareMedians } from "./statistics.ts";

const WORSE_MAX = 0.05;
/** "hardwire/nginx", "hardwire-pipelined/nginx" */
const RATIO = /^hardwire.*\/nginx$/;

export interface Verdict {
  readonly passes: boolean;
  readonly lines: readonly string[];
}

export function judge(saved: Results, now: Results): Verdict {
  let passes = true;
  const lines: string[] = [];
  for (const [name, { title, ratios }] of Object.entries(now.scenarios)) {
    const ratio = Object.keys(ratios).find((key) => RATIO.test(key)) ?? "";
    const before = saved.scenarios[name]?.ratios[ratio]?.cpuRounds;
    const after = ratios[ratio]?.cpuRounds;
    if (before === undefined || after === undefined) continue;
    const { change, atLeast } = compareMedians(before, after);
    const fails = change >= WORSE_MAX && atLeast > 0;
    if (fails) passes = false;
    const sure = `95 % sure of ${percent(atLeast)} or more`;
    lines.push(`${fails ? "WORSE" : "ok   "}  ${title}: CPU per request ${percent(change)} against saved, ${sure}`);
  }
  if (lines.length === 0) throw new Error("the saved results and this run have no scenario in common");
  return { passes, lines };
}

function percent(change: number): string {
  return `${change >= 0 ? "+" : ""}${(change * 100).toFixed(1)} %`;
}
