/** The answer parser against llhttp: any split of any valid answer reads the same; any mutation is refused or read alike. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as h1 from "../../src/core/h1-read.ts";
import { cuts, mutated, splitAt, validAnswer } from "./answers.ts";
import { type Read, readAnswer } from "./llhttp.ts";
import { readWhole, type Whole } from "./read-whole.ts";
import { SEED } from "./seed.ts";
import { findRule, STRICTER, TAKEN } from "./stricter.ts";

const DROPPED = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
  "date",
  "content-length",
  "transfer-encoding",
]);

/** The fields that have to reach the client, as the reference reads them. */
function keptOf(read: Read): string[] {
  const head = read.heads.at(-1)!;
  const named = head.fields
    .filter(([name]) => name.toLowerCase() === "connection")
    .flatMap(([, value]) => value.split(",").map((option) => option.trim().toLowerCase()));
  return head.fields
    .filter(([name]) => !DROPPED.has(name.toLowerCase()) && !named.includes(name.toLowerCase()))
    .map(([name, value]) => `${name}:${value}`);
}

/** The lines that the client gets, blanks around values taken off. */
function linesOf(whole: Whole): string[] {
  return whole.kept
    .split("\r\n")
    .slice(1)
    .map((line) => line.replace(/:[\t ]*/, ":").replace(/[\t ]*$/, ""));
}

test("any split of any valid answer reads the same, and as llhttp reads it", () => {
  fc.assert(
    fc.property(validAnswer, cuts, (answer, at) => {
      const { bytes, isHead } = answer;
      const whole = readWhole([bytes], isHead, true);
      const reference = readAnswer([bytes], isHead, true);
      assert.equal(reference.error, "");
      assert.ok(whole.complete);
      assert.deepEqual(whole.body, answer.body);
      assert.deepEqual(reference.body, answer.body);
      assert.equal(whole.status, reference.heads.at(-1)!.status);
      assert.deepEqual(linesOf(whole), keptOf(reference));
      const closes = reference.heads
        .at(-1)!
        .fields.some((field) => field.join(": ").toLowerCase() === "connection: close");
      assert.equal(whole.persistent, !closes && !answer.untilClose);
      assert.deepEqual(readWhole(splitAt(bytes, at), isHead, true), whole);
      assert.deepEqual(
        readWhole(
          Array.from(bytes, (byte) => Buffer.of(byte)),
          isHead,
          true,
        ),
        whole,
      );
    }),
    { seed: SEED, numRuns: 3000 },
  );
});

/** What is wrong with our reading beside the reference's, "" for nothing. */
function compare(whole: Whole, reference: Read): string {
  const final = reference.heads.at(-1);
  const hasHead = final !== undefined && final.status >= 200;
  if (whole.head !== h1.COMPLETE) {
    if (!hasHead) return "";
    if (whole.head === h1.NEED_MORE) return "waits for more of a head that llhttp has";
    return reference.complete || reference.error === "" ? "refused" : "";
  }
  if (!hasHead) return "taken";
  if (whole.status !== final.status) return "another status";
  if (JSON.stringify(linesOf(whole)) !== JSON.stringify(keptOf(reference))) return "other fields";
  if (whole.complete && !reference.complete) return "taken";
  if (!whole.complete && reference.complete) return "refused";
  const common = Math.min(whole.body.length, reference.body.length);
  if (!whole.body.subarray(0, common).equals(reference.body.subarray(0, common))) return "another body";
  return whole.complete && whole.body.length !== reference.body.length ? "another length" : "";
}

test("any mutation of an answer is refused or reads as llhttp reads it, split anywhere", () => {
  const used = new Map<string, number>();
  fc.assert(
    fc.property(validAnswer, fc.nat(), cuts, (answer, seed, at) => {
      const bytes = mutated(answer.bytes, seed);
      const whole = readWhole([bytes], answer.isHead, true);
      const reference = readAnswer([bytes], answer.isHead, true);
      const problem = compare(whole, reference);
      if (problem !== "") {
        const rules = problem === "refused" ? STRICTER : TAKEN;
        const rule = findRule(rules, bytes, reference);
        const shown = JSON.stringify(bytes.toString("latin1"));
        assert.ok(rule !== undefined, `${problem}: ${shown} (HEAD: ${answer.isHead}, llhttp: ${reference.error})`);
        used.set(rule.why, (used.get(rule.why) ?? 0) + 1);
      }
      const split = readWhole(splitAt(bytes, at), answer.isHead, true);
      assert.equal(split.head, whole.head, "the head, split");
      assert.equal(split.complete, whole.complete, "the end, split");
      if (!whole.malformed) assert.deepEqual(split, whole);
    }),
    { seed: SEED, numRuns: 30_000 },
  );
  for (const [why, count] of used) console.log(`${count} × ${why}`);
});
