/** What budgets are made of: terms that each say how much, and why. Plain data, so that reports and charts can draw it. */

/**
 * `private` is the process's own memory (RssAnon); `kernel` what the kernel holds for it; `files` pages of files that
 * it works with. A memory cgroup, such as systemd's MemoryMax=, counts all three.
 */
export type Place = "private" | "kernel" | "files";

export interface Term {
  readonly name: string;
  /** Bytes or descriptors. */
  readonly amount: number;
  /** How it comes about, in words and numbers. */
  readonly formula: string;
  /** The setting that changes it, as in the files: "limits.in_flight"; left out where there is none. */
  readonly setting?: string;
}

export interface MemoryTerm extends Term {
  readonly place: Place;
  /** What a term is the limit of, where that is made of parts. */
  readonly parts?: readonly Term[];
}

export interface Budget<T extends Term = Term> {
  /** Largest first; none that is 0. */
  readonly terms: readonly T[];
  readonly total: number;
  /** What the target allows, if it says so. */
  readonly limit: number | undefined;
}

export function budgetOf<T extends Term>(terms: readonly T[], limit: number | undefined): Budget<T> {
  return {
    terms: terms.filter(({ amount }) => amount > 0).sort((a, b) => b.amount - a.amount),
    total: sumOf(terms),
    limit,
  };
}

export function sumOf(terms: readonly Term[]): number {
  return terms.reduce((sum, { amount }) => sum + amount, 0);
}

const MIB = 1 << 20;
const KIB = 1 << 10;

/** "12.5 MiB", "640 KiB", "200 B" */
export function showBytes(bytes: number): string {
  if (bytes >= MIB) return `${round(bytes / MIB)} MiB`;
  return bytes >= KIB ? `${round(bytes / KIB)} KiB` : `${bytes} B`;
}

function round(number: number): number {
  return Math.round(number * 10) / 10;
}
