/** Medians, and how far they can be trusted. */

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const RESAMPLES = 4000;

/**
 * The change from `before` to `now`, medians of rounds, 0.05 being 5 % more; and the change that 95 of 100 repetitions
 * would exceed. That bound comes from the rounds themselves, by the bootstrap: both sets are drawn anew with
 * replacement, thousands of times, and the medians compared each time. Nothing is assumed about how noise is spread,
 * and one spoiled round moves neither figure much.
 */
export function compareMedians(before: readonly number[], now: readonly number[]): { change: number; atLeast: number } {
  const random = makeRandom(1);
  const draw = (values: readonly number[]): number =>
    median(values.map(() => values[Math.floor(random() * values.length)]!));
  const changes = Array.from({ length: RESAMPLES }, () => draw(now) / draw(before) - 1).sort((a, b) => a - b);
  return { change: median(now) / median(before) - 1, atLeast: changes[Math.floor(RESAMPLES * 0.05)]! };
}

/** mulberry32: the same numbers every time, so that the same rounds give the same verdict. */
function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
