/** traceparent and tracestate read twice: by the device's scanner, and by the grammar of W3C as it stands there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { flagsOf, isTraceparent, TRACE_AT, TRACE_END } from "../../src/features/trace/runtime-traceparent.ts";
import { isTracestate } from "../../src/features/trace/runtime-tracestate.ts";
import { SEED } from "./seed.ts";

const options = { seed: SEED, numRuns: 20_000 };

/** The parts, or undefined: cut at the dashes, as the specification tells it. */
function naiveTraceparent(text: string): { trace: string; flags: number } | undefined {
  const [version = "", trace = "", span = "", flags = "", ...more] = text.split("-");
  const isHex = (part: string, length: number) =>
    part.length === length && [...part].every((c) => "0123456789abcdef".includes(c));
  if (!isHex(version, 2) || version === "ff" || !isHex(trace, 32) || !isHex(span, 16) || !isHex(flags, 2)) return;
  if (/^0*$/.test(trace) || /^0*$/.test(span)) return;
  if ((version === "00" && more.length > 0) || text.length > 256) return;
  return { trace, flags: Number.parseInt(flags, 16) };
}

function naiveTracestate(text: string): boolean {
  if (text.length > 512) return false;
  const members = text.split(",").map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""));
  const full = members.filter((member) => member !== "");
  if (full.length === 0 || full.length > 32) return false;
  return full.every((member) => {
    const [key = "", value = "", ...more] = member.split("=");
    const isKey = key.length <= 256 && /^[a-z0-9]/.test(key) && [...key].every((c) => /[a-z0-9_\-*/@]/.test(c));
    const isValue = value.length >= 1 && value.length <= 256 && [...value].every((c) => c >= " " && c <= "~");
    return more.length === 0 && isKey && isValue;
  });
}

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
const near = (length: number) =>
  fc.oneof(
    { weight: 12, arbitrary: hex(length) },
    hex(length - 1),
    hex(length + 1),
    fc.constant("0".repeat(length)),
    hex(length).map((s) => s.toUpperCase()),
  );
const version = fc.oneof(
  { weight: 6, arbitrary: fc.constant("00") },
  hex(2),
  fc.constant("ff"),
  fc.constant("0"),
  fc.constant(""),
);
const tail = fc.oneof(
  { weight: 4, arbitrary: fc.constant("") },
  fc.constantFrom("-", "-x", ".", "-00-00", ",", " ", `-${"x".repeat(200)}`, `-${"x".repeat(201)}`),
);
const traceparent = fc
  .tuple(version, near(32), near(16), near(2), tail)
  .map(([first, trace, span, flags, rest]) => `${first}-${trace}-${span}-${flags}${rest}`);
/** One character made another one. */
const damaged = fc.tuple(traceparent, fc.nat(80), fc.constantFrom(..."-.g0fF \u0000\u00e9")).map(([text, at, c]) => {
  return at < text.length ? text.slice(0, at) + c + text.slice(at + 1) : text;
});

test("a traceparent is read as the grammar says", () => {
  let valid = 0;
  fc.assert(
    fc.property(fc.oneof(traceparent, damaged, fc.string()), (text) => {
      const expected = naiveTraceparent(text);
      assert.equal(isTraceparent(text), expected !== undefined);
      if (expected === undefined) return;
      valid += 1;
      assert.equal(text.slice(TRACE_AT, TRACE_END), expected.trace);
      assert.equal(flagsOf(text), expected.flags);
    }),
    options,
  );
  assert.ok(valid > options.numRuns / 20, `${valid} were valid`);
});

const blank = fc.constantFrom("", "", "", " ", "\t", " \t ");
const key = fc.oneof(
  { weight: 20, arbitrary: fc.stringMatching(/^[a-z0-9][a-z0-9_\-*/@]{0,7}$/) },
  fc.constantFrom("", "A", "a b", "a.b", "_a", "@", "k".repeat(256), "k".repeat(257)),
);
const value = fc.oneof(
  { weight: 20, arbitrary: fc.stringMatching(/^[ -+\--<>-~]{0,9}$/) },
  fc.constantFrom("", "a=b", "a\tb", "\u00e9", "\u007f", "v".repeat(256), "v".repeat(257), " v", "v "),
);
const member = fc.oneof(
  { weight: 20, arbitrary: fc.tuple(blank, key, value, blank).map(([a, k, v, b]) => `${a}${k}=${v}${b}`) },
  fc.constantFrom("", " ", "a", "=", "a=1"),
);
const tracestate = fc.oneof(
  { weight: 6, arbitrary: fc.array(member, { maxLength: 6 }) },
  fc.array(
    fc.constantFrom(..."abcdefghijklmnop", "").map((c) => c && `${c}=1`),
    { minLength: 30, maxLength: 36 },
  ),
  fc.array(fc.stringMatching(/^[a-z]=[a-z]{120,132}$/), { minLength: 3, maxLength: 5 }),
);

test("a tracestate is passed on as the grammar says", () => {
  let valid = 0;
  fc.assert(
    fc.property(
      tracestate.map((list) => list.join(",")),
      (text) => {
        const expected = naiveTracestate(text);
        assert.equal(isTracestate(text), expected);
        if (expected) valid += 1;
      },
    ),
    options,
  );
  assert.ok(valid > options.numRuns / 20, `${valid} were valid`);
});

test("the worst that 512 characters can be takes no time", () => {
  const worst = [
    " ".repeat(512),
    `a=${" ".repeat(510)}`,
    `${" ".repeat(255)}a${"=".repeat(256)}`,
    `a=${" !".repeat(255)}`,
  ];
  for (const text of worst) {
    let leastMs = Number.POSITIVE_INFINITY;
    // The least, since the machine may be busy.
    for (let i = 0; i < 1000; i++) {
      const started = performance.now();
      isTracestate(text);
      leastMs = Math.min(leastMs, performance.now() - started);
    }
    assert.ok(leastMs < 0.1, `${leastMs} ms for ${text}`);
  }
});
