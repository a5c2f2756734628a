/** Seeded random choices: the same seed gives the same bytes on every machine and in any order of events. */

/** Mulberry32: 32 bits of state, good enough to choose with. */
export class Random {
  private state: number;

  /** @param parts mixed into one seed, such as a run's seed and a request's number */
  constructor(...parts: number[]) {
    let state = 0x9e3779b9;
    for (const part of parts) {
      state = Math.imul(state ^ (part | 0), 0x85ebca6b);
      state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
      state ^= state >>> 16;
    }
    this.state = state;
  }

  /** In [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}
