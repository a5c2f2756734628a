/** Which requests are logged: the share that was asked for, of whatever comes, and never more than the budget. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SEED } from "../../../test/property/seed.ts";
import { Record } from "../../core/record.ts";
import { ERROR, NONE, Sampler, SLOW, SUCCESS } from "./runtime-sampler.ts";

const GIB = 2 ** 30;

function sampler(shares: readonly [number, number, number], budgetBytes = GIB): Sampler {
  const [success, slow, error] = shares.map((share) => Math.round(share * 2 ** 32));
  return new Sampler({
    shares: [success!, slow!, error!],
    slowMs: 1000,
    budget: "",
    budgetBytes,
    lineBytesMax: 1000,
  });
}

function record(status: number, durationMs: number, reason = ""): Record {
  return Object.assign(new Record(), { status, durationMs, reason });
}

test("classes: 5xx and refusals are errors, whatever they took; what takes long is slow", () => {
  const all = sampler([1, 1, 1]);
  for (const [status, ms, reason, kind] of [
    [200, 1, "", SUCCESS],
    [404, 1, "", SUCCESS],
    [200, 1, "answered", SUCCESS],
    [200, 1000, "", SLOW],
    [0, 5000, "", SLOW],
    [500, 1, "", ERROR],
    [502, 5000, "upstream_closed", ERROR],
    [404, 1, "no_route", ERROR],
    [200, 1, "upstream_closed", ERROR],
  ] as const) {
    assert.equal(all.take(record(status, ms, reason)), kind, `${status} ${ms} ${reason}`);
  }
});

test("of any number of requests, the share asked for is taken to within a few, also of what repeats in them", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 20_000 }),
      fc.integer({ min: 1, max: 12 }),
      (share, count, period) => {
        const one = sampler([share, 0, 0]);
        let taken = 0;
        let first = 0;
        for (let i = 0; i < count; i++) {
          if (one.take(record(200, 1)) === NONE) continue;
          taken += 1;
          if (i % period === 0) first += 1;
        }
        assert.ok(Math.abs(taken - share * count) <= 6, `${taken} of ${count} at ${share}`);
        const firsts = Math.ceil(count / period);
        assert.ok(Math.abs(first - share * firsts) <= 12 + firsts / 20, `${first} of ${firsts} at ${share}, ${period}`);
      },
    ),
    { seed: SEED, numRuns: 200 },
  );
});

test("0% takes none and 100% takes all", () => {
  const one = sampler([0, 1, 0]);
  for (let i = 0; i < 100_000; i++) {
    assert.equal(one.take(record(200, 1)), NONE);
    assert.equal(one.take(record(200, 1000)), SLOW);
    assert.equal(one.take(record(500, 1)), NONE);
  }
});

test("the budget is kept, and what went well leaves a part of it to errors", () => {
  const one = sampler([1, 1, 1], 100_000);
  let bytes = 0;
  const spend = (r: Record): boolean => {
    if (one.take(r) === NONE) return false;
    one.spend(500);
    bytes += 500;
    return true;
  };
  while (spend(record(200, 1)));
  assert.ok(bytes > 10_000 && bytes <= 15_000, `${bytes} for successes`);
  while (spend(record(500, 1)));
  assert.ok(bytes > 15_000 && bytes <= 20_000, `${bytes} in all, of what may come at once`);
});
