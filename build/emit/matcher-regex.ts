/**
 * The matcher's part for `path_regex`: one table for each pattern, read once from the path's start to its end (see
 * match/automaton.ts). The patterns are tried one after the other, the narrower first.
 */
import { type Automaton, automatonOfPath, distinctLetters, LETTERS } from "../match/automaton.ts";
import type { Pattern } from "../match/patterns.ts";
import type { PlannedRoute } from "../plan.ts";
import { emitFunction, emitLeaf } from "./matcher-code.ts";
import type { Asked } from "./matcher-conditions.ts";
import { emitTypedArray, type Text } from "./text.ts";

export function emitRegexes(out: Text, patterns: readonly Pattern<PlannedRoute>[], asked: Asked): void {
  const automata = patterns.map(({ path }) => automatonOfPath(path));
  const letters = distinctLetters(automata);
  const classes = classesOf(automata, letters);
  out.line().line("/** By character code: its class, for all patterns alike. */");
  emitTypedArray(out, false, "characterClasses", "Uint8Array", classes);
  for (const [number, automaton] of automata.entries()) {
    out.comment(`${patterns[number]!.path.text}: for each state, by class, the next one; 0 for none, 1 is the first`);
    emitTypedArray(out, false, `pattern${number}`, "Uint8Array", rowsOf(automaton, letters));
    out.line("/** By state: whether a path may end there. */");
    emitTypedArray(out, false, `ends${number}`, "Uint8Array", [...automaton.accepting]);
  }
  out.line();
  for (const line of FITS) out.line(line.replace("CLASSES", String(letters.length)));
  out.line();
  emitFunction(out, "matchRegex", patterns, () => {
    for (const [number, pattern] of patterns.entries())
      out.block(`if (fits(pattern${number}, ends${number}, path)) {`, () => emitLeaf(out, pattern, asked));
    out.line("return -1;");
  });
}

/** The number of each character's class: that of the letter that stands for it. */
function classesOf(automata: readonly Automaton[], letters: readonly number[]): number[] {
  const columnOf = (letter: number) =>
    automata
      .map(({ next, states }) => Array.from({ length: states }, (_, state) => next[state * LETTERS + letter]))
      .join();
  const numbers = new Map(letters.map((letter, number) => [columnOf(letter), number]));
  return Array.from({ length: LETTERS }, (_, letter) => numbers.get(columnOf(letter))!);
}

function rowsOf({ next, states }: Automaton, letters: readonly number[]): number[] {
  return Array.from({ length: states }, (_, state) => letters.map((letter) => next[state * LETTERS + letter]!)).flat();
}

/** Paths are ASCII. */
const FITS = `function fits(pattern: Uint8Array, ends: Uint8Array, path: string): boolean {
  let state = 1;
  for (let i = 0; i < path.length; i++) {
    state = pattern[state * CLASSES + characterClasses[path.charCodeAt(i)]!]!;
    if (state === 0) return false;
  }
  return ends[state] === 1;
}`.split("\n");
