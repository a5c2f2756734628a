/** The target's normal form: reached in one step, without anything that two servers read differently. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isCleanQuery, isHost, normalisePath } from "../../src/core/target.ts";
import { readRequestHead } from "./llhttp.ts";
import { SEED } from "./seed.ts";

const piece = fc.oneof(
  fc.constantFrom(
    "/",
    "/",
    ".",
    "..",
    "%2e",
    "%2E",
    "%2f",
    "%5c",
    "%00",
    "%7e",
    "%41",
    "%zz",
    "%",
    "\\",
    ";",
    "a",
    "~",
    "\xe4",
    "#",
    " ",
  ),
  fc.stringMatching(/^[!->@-~]{1,4}$/),
  fc.integer({ min: 0, max: 255 }).map((byte) => `%${byte.toString(16).padStart(2, "0")}`),
);
const path = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join("")}`);
const UNRESERVED = "[A-Za-z0-9._~-]";
const options = { seed: SEED, numRuns: 20_000 };

test("a normal path stays as it is, and has nothing that two servers read differently", () => {
  let accepted = 0;
  fc.assert(
    fc.property(path, (raw) => {
      const normal = normalisePath(raw);
      if (normal === "") return;
      accepted += 1;
      assert.equal(normalisePath(normal), normal);
      assert.match(normal, /^\/[!-~]*$/);
      assert.doesNotMatch(normal, /\/\//);
      assert.doesNotMatch(normal, /[\\#?]/);
      for (const segment of normal.split("/")) assert.doesNotMatch(segment, /^\.\.?(?:;|$)/);
      for (const [triplet, hex] of normal.matchAll(/%(.{0,2})/g)) {
        assert.match(hex!, /^[0-9A-F]{2}$/);
        const char = String.fromCharCode(Number.parseInt(hex!, 16));
        assert.doesNotMatch(char, new RegExp(UNRESERVED), triplet);
        assert.doesNotMatch(char, /[\x00-\x1f\x7f/\\]/, triplet);
      }
      // Nothing but the spelling of triplets has changed.
      assert.equal(decodeURIComponentBytes(normal), decodeURIComponentBytes(raw));
      const head = readRequestHead(Buffer.from(`GET ${normal} HTTP/1.1\r\nHost: a\r\n\r\n`, "latin1"));
      assert.equal(head.heads[0]?.url, normal);
    }),
    options,
  );
  assert.ok(accepted > 1000, `${accepted} paths were taken`);
});

function decodeURIComponentBytes(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

test("writing unreserved characters as triplets makes no difference", () => {
  fc.assert(
    fc.property(path, fc.infiniteStream(fc.boolean()), (raw, picks) => {
      // What follows a "%" may be a triplet's digits.
      const encoded = raw.replace(new RegExp(`%..?|${UNRESERVED}`, "g"), (text) =>
        text.length === 1 && picks.next().value === true ? `%${text.charCodeAt(0).toString(16)}` : text,
      );
      assert.equal(normalisePath(encoded), normalisePath(raw), encoded);
    }),
    options,
  );
});

test("queries and hosts that are taken are what llhttp takes", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[\x00-\xff]{0,20}$/), (text) => {
      if (isCleanQuery(text)) {
        const { heads } = readRequestHead(Buffer.from(`GET /?${text} HTTP/1.1\r\nHost: a\r\n\r\n`, "latin1"));
        assert.equal(heads[0]?.url, `/?${text}`);
      }
      if (isHost(text)) assert.match(text, /^(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d{0,5})?$/i);
    }),
    options,
  );
});
