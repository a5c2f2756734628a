/** What a fuzz run has seen: counts of every kind of outcome, and violations with the bytes that show them. */

const VIOLATIONS_MAX = 10;

export class Report {
  readonly seed: number;
  private readonly counts = new Map<string, number>();
  readonly violations: string[] = [];
  /** Longest time a well-formed request waited for its answer. */
  canaryMsMax = 0;

  constructor(seed: number) {
    this.seed = seed;
  }

  count(outcome: string): void {
    this.counts.set(outcome, (this.counts.get(outcome) ?? 0) + 1);
  }

  of(outcome: string): number {
    return this.counts.get(outcome) ?? 0;
  }

  /** @param bytes shown as JSON strings, so that they can be sent again */
  violation(what: string, bytes: Readonly<Record<string, Uint8Array | string>>): void {
    this.count(`VIOLATION ${what}`);
    if (this.violations.length === VIOLATIONS_MAX) return;
    const shown = Object.entries(bytes).map(([name, value]) => {
      const text = typeof value === "string" ? value : Buffer.from(value).latin1Slice();
      return `  ${name}: ${JSON.stringify(text.length > 6000 ? `${text.slice(0, 6000)}…` : text)}`;
    });
    this.violations.push(`${what} (SEED=${this.seed})\n${shown.join("\n")}`);
    process.stderr.write(`${this.violations.at(-1)}\n`);
  }

  get failed(): boolean {
    return this.violations.length > 0;
  }

  text(): string {
    const lines = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return lines.map(([outcome, count]) => `  ${String(count).padStart(9)}  ${outcome}`).join("\n");
  }
}
