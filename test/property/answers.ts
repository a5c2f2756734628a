/** Arbitrary answers for the property tests: valid ones by grammar, their splits and their mutations. */
import fc from "fast-check";
import { mutate } from "../fuzz/mutate.ts";
import { Random } from "../fuzz/random.ts";

const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/);
const value = fc.stringMatching(/^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]{0,20}[!-~\x80-\xff])?)?$/);
const blank = fc.constantFrom("", " ", "\t", "  ");
const RESERVED = new Set(["content-length", "transfer-encoding", "connection", "upgrade"]);
const field = fc
  .tuple(token, blank, value, blank)
  .filter(([name]) => !RESERVED.has(name.toLowerCase()))
  .map(([name, before, text, after]) => `${name}:${before}${text}${after}`);
const hop = fc.constantFrom(
  "Connection: close",
  "Connection: keep-alive",
  "connection: X-Hop , x^y",
  "X-Hop: 1",
  "X~Y: 1",
  "x^Y: 2",
  "Keep-Alive: timeout=5",
  "Proxy-Connection: close",
  "Date: now",
  "Trailer: X",
  "Set-Cookie: a",
  "Set-Cookie: b",
);
const fields = fc.array(fc.oneof({ arbitrary: field, weight: 3 }, hop), { maxLength: 8 });
const payload = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const reason = fc.constantFrom("", " ", " OK", " Not \xe4 OK\t");
const extension = fc.constantFrom("", "", ";a", ";a=b", ';a="b;c\\""', ";a;b=c");

const chunks = fc
  .tuple(
    fc.array(fc.tuple(payload, extension), { maxLength: 4 }),
    extension,
    fc.constantFrom("", "X-Sum: 1\r\n", "A:\r\nB: \xe4\r\n"),
  )
  .map(([parts, last, trailers]) => {
    const data = parts.filter(([text]) => text !== "");
    return {
      body: data.map(([text]) => text).join(""),
      wire: `${data.map(([text, ext]) => `${text.length.toString(16)}${ext}\r\n${text}\r\n`).join("")}0${last}\r\n${trailers}\r\n`,
    };
  });

export interface ValidAnswer {
  readonly bytes: Buffer;
  readonly isHead: boolean;
  readonly body: Buffer;
  readonly untilClose: boolean;
}

export const validAnswer: fc.Arbitrary<ValidAnswer> = fc
  .record({
    interims: fc.array(fc.constantFrom("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n"), {
      maxLength: 2,
    }),
    status: fc.constantFrom(200, 200, 200, 201, 204, 206, 301, 304, 404, 500, 503, 599),
    reason,
    fields,
    isHead: fc.boolean(),
    framing: fc.constantFrom("length", "chunked", "close"),
    payload,
    chunks,
    at: fc.nat(),
  })
  .map(({ interims, status, reason: text, fields: list, isHead, framing, payload: plain, chunks: chunked, at }) => {
    const bodiless = isHead || status === 204 || status === 304;
    const lines = [`${interims.join("")}HTTP/1.1 ${status}${text === "" ? "" : text}`, ...list];
    const own =
      status === 204 || framing === "close"
        ? ""
        : framing === "length"
          ? `Content-Length: ${plain.length}`
          : "Transfer-Encoding: chunked";
    if (own !== "") lines.splice(1 + (at % (list.length + 1)), 0, own);
    const wire = bodiless ? "" : framing === "chunked" ? chunked.wire : plain;
    const body = bodiless ? "" : framing === "chunked" ? chunked.body : plain;
    return {
      bytes: Buffer.from(`${lines.join("\r\n")}\r\n\r\n${wire}`, "latin1"),
      isHead,
      body: Buffer.from(body, "latin1"),
      untilClose: !bodiless && framing === "close",
    };
  });

/** Offsets of cuts, taken modulo the length. */
export const cuts = fc.array(fc.nat(), { maxLength: 8 });

export function splitAt(bytes: Buffer, at: readonly number[]): Buffer[] {
  const offsets = [...new Set(at.map((offset) => offset % (bytes.length + 1)))].sort((a, b) => a - b);
  const pieces = [0, ...offsets].map((start, i) => bytes.subarray(start, offsets[i] ?? bytes.length));
  return pieces.filter(({ length }) => length > 0);
}

export function mutated(bytes: Buffer, seed: number): Buffer {
  return mutate(new Random(seed), bytes);
}
