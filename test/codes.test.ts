/**
 * The README's table of codes is the compiler's, the features' included: nothing is missing there, nothing is left over.
 *
 * `HARDWIRE_UPDATE=1 node --test test/codes.test.ts` writes the table.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CODES } from "../build/codes.ts";
import { codesWith, findFeatures } from "../build/features.ts";

const README = join(import.meta.dirname, "../README.md");
const TABLE = /^\| code +\| meaning +\|\n\|[ -]+\|[ -]+\|\n(?:\| HW\d{4} \|.*\n)*/m;

function row(code: string, meaning: string, width: number): string {
  return `| ${code.padEnd(6)} | ${meaning.padEnd(width)} |\n`;
}

function makeTable(codes: Readonly<Record<string, string>>): string {
  const entries = Object.entries(codes)
    .map(([code, meaning]) => [code, meaning.replaceAll("|", "\\|")] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const width = Math.max(...entries.map(([, meaning]) => meaning.length));
  const head = `| code   | ${"meaning".padEnd(width)} |\n| ------ | ${"-".repeat(width)} |\n`;
  return head + entries.map(([code, meaning]) => row(code, meaning, width)).join("");
}

test("the README's table of codes is the compiler's; else HARDWIRE_UPDATE=1 node --test test/codes.test.ts", async () => {
  const expected = makeTable(codesWith(await findFeatures()));
  const readme = readFileSync(README, "utf8");
  const found = TABLE.exec(readme)?.[0];
  assert.ok(found, "the README has a table of codes");
  if (process.env.HARDWIRE_UPDATE === "1")
    writeFileSync(
      README,
      readme.replace(found, () => expected),
    );
  else assert.equal(found, expected);
});

test("codes stand in their order, each under the hundred it belongs to", () => {
  const codes = Object.keys(CODES);
  assert.deepEqual(codes, codes.toSorted());
  for (const code of codes) assert.match(code, /^HW1\d{3}$/);
});
