/**
 * `path_regex`: from a pattern to a deterministic automaton that reads each character of a path once, whatever the
 * pattern: a match takes time linear in the path by construction, there is nothing to backtrack. What cannot be such
 * an automaton of few states (look-around, back-references, counted repeats that multiply) is refused.
 *
 * Two such patterns can also be compared exactly: whether a path is in both, and whether one is within the other.
 * Patterns of the other kinds become automata too where they have to be compared with these.
 */
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import type { PathPattern } from "../plan.ts";

/** State 0 is the dead one, state 1 the first. */
export interface Automaton {
  readonly states: number;
  /** By state * LETTERS + character code. */
  readonly next: Uint16Array;
  readonly accepting: Uint8Array;
}

/** Paths are ASCII by the time they are matched (src/core/target.ts). */
export const LETTERS = 128;
/** So that a pattern's table stays below 4 KiB or so; a pattern for people has 10 to 60 states. */
export const STATES_MAX = 255;
const BUILD_NODES_MAX = 4000;

/**
 * Paths as the core lets them through: no empty and no dot segments, none of `"#<>?\` and no blanks. The classes are
 * the path's characters without the slash, then also without the dot, then also without the semicolon.
 */
const [C, NO_DOT, NO_END] = ["!$-.0-;=@-\\[\\]-~", "!$-\\-0-;=@-\\[\\]-~", "!$-\\-0-:=@-\\[\\]-~"];
const SEGMENT = `(?:[${NO_DOT}][${C}]*|\\.[${NO_END}][${C}]*|\\.\\.[${NO_END.replace("!", "!.")}][${C}]*)`;
const PATHS = `/(?:${SEGMENT}(?:/${SEGMENT})*/?)?`;

const known = new Map<string, Automaton | string>();

/** The automaton of the paths that the whole pattern fits, or what is wrong with the pattern. */
export function automatonOf(pattern: string): Automaton | string {
  let made = known.get(pattern);
  if (made === undefined) {
    made = build(pattern);
    known.set(pattern, made);
  }
  return made;
}

/** The same for a checked pattern of any kind. */
export function automatonOfPath({ kind, text, segments }: PathPattern): Automaton {
  const source = segments
    .map((segment) => ("literal" in segment ? segment.literal.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&") : "[^/]+"))
    .join("/");
  const made = automatonOf(
    kind === "regex" ? text : `/${source}${kind === "prefix" ? (source === "" ? ".*" : "/.*") : ""}`,
  );
  if (typeof made === "string") throw new Error(`${text}: ${made}`);
  return made;
}

function build(pattern: string): Automaton | string {
  // Loaded only by routes files that need it.
  const { DFA, JS, NFA, TooManyNodesError } = createRequire(import.meta.url)("refa") as typeof import("refa");
  const machineOf = (source: string) => {
    const parser = JS.Parser.fromLiteral({ source, flags: "" });
    const { expression, maxCharacter } = parser.parse({
      assertions: "throw",
      backreferences: "throw",
      maxNodes: BUILD_NODES_MAX,
    });
    const nfa = NFA.fromRegex(expression, { maxCharacter }, {}, new NFA.LimitedNodeFactory(BUILD_NODES_MAX));
    return DFA.fromFA(nfa, new DFA.LimitedNodeFactory(BUILD_NODES_MAX));
  };
  try {
    const paths = DFA.fromIntersection(
      machineOf(pattern),
      machineOf(PATHS),
      new DFA.LimitedNodeFactory(BUILD_NODES_MAX),
    );
    paths.minimize();
    if (paths.isEmpty)
      return "no path fits this pattern, which is compared with the whole path from its first slash on";
    return tabulate(paths);
  } catch (error) {
    if (error instanceof TooManyNodesError) return TOO_LARGE;
    const { message } = error as Error;
    if (/assertion/i.test(message)) return ASSERTION;
    if (/backreference/i.test(message)) return "back-references cannot be matched in linear time; write the text out";
    return message.replace(/^Invalid regular expression: .*\/[a-z]*: /, "not a regular expression: ");
  }
}

const TOO_LARGE = `the pattern needs more than ${STATES_MAX} states; counted repeats multiply, so write * or + for large counts`;
const ASSERTION =
  'the whole path is compared, so "^" and "$" are left out; look-around and \\b cannot be matched in linear time';

/** Numbers the states by first visit, letter by letter: equal languages give equal tables. */
function tabulate(dfa: import("refa").DFA): Automaton | string {
  type State = import("refa").DFA.Node;
  const numbers = new Map<State, number>([[dfa.initial, 1]]);
  const rows: number[][] = [];
  for (const state of numbers.keys()) {
    const row = Array.from({ length: LETTERS }, (_, letter) => {
      const to = state.out.get(letter);
      if (to === undefined) return 0;
      if (!numbers.has(to)) numbers.set(to, numbers.size + 1);
      return numbers.get(to)!;
    });
    rows.push(row);
    if (rows.length > STATES_MAX) return TOO_LARGE;
  }
  return {
    states: rows.length + 1,
    next: Uint16Array.from([new Array<number>(LETTERS).fill(0), ...rows].flat()),
    accepting: Uint8Array.from([0, ...[...numbers.keys()].map((state) => (dfa.finals.has(state) ? 1 : 0))]),
  };
}

/** Equal for patterns that the same paths fit. */
export function fingerprintOf(automaton: Automaton): string {
  let fingerprint = fingerprints.get(automaton);
  if (fingerprint === undefined) {
    const { next, accepting } = automaton;
    fingerprint = createHash("sha256").update(next).update(accepting).digest("hex");
    fingerprints.set(automaton, fingerprint);
  }
  return fingerprint;
}

const fingerprints = new WeakMap<Automaton, string>();

/** Whether the automaton accepts the path. */
export function accepts({ next, accepting }: Automaton, path: string): boolean {
  let state = 1;
  for (let i = 0; i < path.length; i++) state = next[state * LETTERS + path.charCodeAt(i)]!;
  return accepting[state] === 1;
}

/**
 * A shortest word for whose end `wanted` holds, told which of the automata accept it; undefined if there is none.
 * Gives up, with `undecided`, after so many states together.
 */
export function findWord(
  automata: readonly Automaton[],
  wanted: (accepts: readonly boolean[]) => boolean,
): string | undefined | typeof UNDECIDED {
  const letters = distinctLetters(automata);
  const start = automata.map(() => 1);
  const seen = new Map<string, { readonly states: readonly number[]; readonly word: string }>();
  seen.set(start.join(), { states: start, word: "" });
  for (const { states, word } of seen.values()) {
    if (wanted(states.map((state, i) => automata[i]!.accepting[state] === 1))) return word;
    if (seen.size > PRODUCT_STATES_MAX) return UNDECIDED;
    for (const letter of letters) {
      const to = states.map((state, i) => automata[i]!.next[state * LETTERS + letter]!);
      const key = to.join();
      if (!seen.has(key)) seen.set(key, { states: to, word: word + String.fromCharCode(letter) });
    }
  }
  return undefined;
}

export const UNDECIDED = Symbol("undecided");
const PRODUCT_STATES_MAX = 100_000;

/** One letter for each class of those that all automata treat alike; readable ones where there is a choice. */
export function distinctLetters(automata: readonly Automaton[]): number[] {
  const classes = new Map<string, number>();
  for (const letter of READABLE) {
    const column = automata.map(({ next, states }) =>
      Array.from({ length: states }, (_, state) => next[state * LETTERS + letter]!).join(),
    );
    const key = column.join(" ");
    if (!classes.has(key)) classes.set(key, letter);
  }
  return [...classes.values()];
}

const READABLE: readonly number[] = [
  ...Array.from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-_.", (char) => char.charCodeAt(0)),
  ...Array.from({ length: LETTERS }, (_, code) => code).filter((code) => !/[\w./-]/.test(String.fromCharCode(code))),
];

/** The longest path prefix that all of its paths have: "/v1/" of `/v1/(a|b)`. */
export function commonPrefix(automaton: Automaton): string {
  let prefix = "";
  for (let state = 1; automaton.accepting[state] === 0; ) {
    const row = automaton.next.subarray(state * LETTERS, (state + 1) * LETTERS);
    const letters = [...row.keys()].filter((letter) => row[letter] !== 0);
    if (letters.length !== 1) break;
    prefix += String.fromCharCode(letters[0]!);
    state = row[letters[0]!]!;
  }
  return prefix.slice(0, prefix.lastIndexOf("/") + 1);
}
