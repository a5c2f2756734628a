/** Texts in lines, with any text there is: one line, visible ASCII, bounded, and JSON that says what was there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SEED } from "../../../test/property/seed.ts";
import { MARK_BYTES } from "./runtime-limits.ts";
import { putDigits, putEscaped, putNumber } from "./runtime-text.ts";

const out = Buffer.alloc(8192);
const hostile = fc.constantFrom(
  "\n",
  "\r",
  "\0",
  "\x1b[2J",
  '"',
  "\\",
  "\x7f",
  "\x9b",
  "\u2028",
  "\u202e",
  "\ud800",
  "\udc00",
  "é",
  "😀",
  " ",
);
const text = fc
  .array(fc.oneof(hostile, fc.string({ unit: "binary" }), fc.string()), { maxLength: 60 })
  .map((all) => all.join(""));
const options = { seed: SEED, numRuns: 20_000 };

test("whatever is written is visible ASCII, within its bound, and reads as what it was", () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 32, max: 512 }), (any, bytesMax) => {
      out.fill(0xff);
      const end = putEscaped(out, 0, any, bytesMax, true);
      assert.ok(end <= bytesMax + MARK_BYTES, `${end} of ${bytesMax}`);
      assert.equal(out[end], 0xff);
      const written = out.latin1Slice(0, end);
      assert.match(written, /^[ -~]*$/);
      const read: string = JSON.parse(`"${written}"`);
      const whole = any.toWellFormed();
      if (read !== whole) {
        assert.ok(read.endsWith("…"), read);
        assert.ok(whole.startsWith(read.slice(0, -1)), read);
        assert.ok(end > bytesMax - 12, "nothing is cut that would have fitted");
      }
      assert.doesNotMatch(out.latin1Slice(0, putEscaped(out, 0, any, bytesMax, false)), / /);
    }),
    options,
  );
});

test("numbers are what they are", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (number) => {
      assert.equal(out.latin1Slice(0, putNumber(out, 0, number)), String(number));
      const small = number % 1000;
      assert.equal(out.latin1Slice(0, putDigits(out, 0, small, 3)), String(small).padStart(3, "0"));
    }),
    options,
  );
});
