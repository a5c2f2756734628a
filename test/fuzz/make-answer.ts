/** Answers by grammar: clean ones, which the client must get whole; odd ones; mutated ones; and how they are cut. */
import { mutate } from "./mutate.ts";
import type { Random } from "./random.ts";

export const WHOLE = 0;
export const END = 1;
export const RESET = 2;

export interface MadeAnswer {
  readonly bytes: Buffer;
  /** Whether the answer is fuzzed: then it may be refused, and the connection is closed behind it. */
  readonly fuzzed: boolean;
  /** What becomes of the connection behind the bytes. */
  readonly ending: number;
  /** 0 for at once. */
  readonly waitMs: number;
}

/** @param identity what the client recognises its answer by; the body is made of it */
export function makeAnswer(random: Random, identity: string, isHead: boolean): MadeAnswer {
  const roll = random.next();
  const waitMs = random.chance(0.1) ? 1 + random.below(10) : 0;
  if (roll < 0.55) {
    const ending = random.chance(0.1) ? END : WHOLE;
    return { bytes: makeClean(random, identity, isHead), fuzzed: false, ending, waitMs };
  }
  let bytes: Buffer = random.chance(0.5) ? makeOdd(random, identity) : makeClean(random, identity, false);
  if (random.chance(0.5)) bytes = mutate(random, bytes);
  const ending = random.chance(0.3) ? RESET : END;
  if (random.chance(0.3)) bytes = bytes.subarray(0, random.below(bytes.length + 1));
  return { bytes, fuzzed: true, ending, waitMs };
}

function bodyOf(random: Random, identity: string): string {
  const bytes = random.chance(0.02) ? 200_000 : random.chance(0.1) ? 0 : random.below(2000);
  return `${identity};`.repeat(Math.ceil(bytes / (identity.length + 1)));
}

const FIELDS = [
  "Content-Type: text/plain",
  "Set-Cookie: a=b\r\nSet-Cookie: c=d",
  "Connection: keep-alive",
  "Connection: X-Hop\r\nX-Hop: must-not-pass",
  "Keep-Alive: timeout=60",
  "Server: fuzz",
  "Date: Thu, 01 Jan 1970 00:00:00 GMT",
  "X-Empty:",
  "X-High: \xe4",
  "Trailer: X-Sum",
] as const;

function makeClean(random: Random, identity: string, isHead: boolean): Buffer {
  const interim = random.chance(0.05) ? "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" : "";
  const fields = [`X-Echo: ${identity}`];
  for (let i = random.below(3); i > 0; i--) fields.push(random.pick(FIELDS));
  if (random.chance(0.05)) {
    return Buffer.from(
      `${interim}HTTP/1.1 ${random.pick(["204 No Content", "304 Not Modified"])}\r\n${fields.join("\r\n")}\r\n\r\n`,
      "latin1",
    );
  }
  const status = random.pick(["200 OK", "200 OK", "200 OK", "404 Not Found", "500 ", "299", "301 Moved"]);
  const body = bodyOf(random, identity);
  const chunked = random.chance(0.4);
  fields.push(chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${body.length}`);
  const payload = isHead ? "" : chunked ? inChunks(random, body) : body;
  return Buffer.from(`${interim}HTTP/1.1 ${status}\r\n${fields.join("\r\n")}\r\n\r\n${payload}`, "latin1");
}

function inChunks(random: Random, body: string): string {
  let chunks = "";
  let left = body;
  while (left !== "") {
    const bytes = random.chance(0.4) ? left.length : 1 + random.below(left.length);
    const extension = random.chance(0.1) ? random.pick([";a", ";a=b", ';a="b;c"']) : "";
    chunks += `${bytes.toString(16)}${extension}\r\n${left.slice(0, bytes)}\r\n`;
    left = left.slice(bytes);
  }
  return `${chunks}0\r\n${random.chance(0.1) ? "X-Sum: 1\r\n" : ""}\r\n`;
}

const STATUS_LINES = [
  "HTTP/1.0 200 OK",
  "HTTP/1.1 200",
  "HTTP/1.1 200 ",
  "HTTP/2.0 200 OK",
  "HTTP/1.2 200 OK",
  "http/1.1 200 OK",
  "HTTP/1.1  200 OK",
  "HTTP/1.1 20 OK",
  "HTTP/1.1 2000 OK",
  "HTTP/1.1 099 OK",
  "HTTP/1.1 600 OK",
  "HTTP/1.1 101 Switching Protocols",
  "HTTP/1.1 100 Continue",
  "HTTP/1.1 204 No Content",
  "HTTP/1.1 304 Not Modified",
  "HTTP/1.1 200 O\0K",
  "\r\nHTTP/1.1 200 OK",
  "HTTP/1.1 200 OK\r",
  "ICY 200 OK",
] as const;
const ODD_FIELDS = [
  "Content-Length: 5",
  "Content-Length: 0",
  "Content-Length: 005",
  "Content-Length: +5",
  "Content-Length: -5",
  "Content-Length: 5,5",
  "Content-Length: 5, 5",
  "Content-Length:",
  "Content-Length: 5\r\nContent-Length: 5",
  "Content-Length: 5\r\nContent-Length: 6",
  "Content-Length: 99999999999999999999999",
  "Content-Length : 5",
  "Transfer-Encoding: chunked\r\nContent-Length: 5",
  "Transfer-Encoding: chunked, chunked",
  "Transfer-Encoding: gzip, chunked",
  "Transfer-Encoding: gzip",
  "Transfer-Encoding: identity",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: \x0bchunked",
  "Connection: close",
  "Connection: close, Content-Length",
  "Connection: content-length",
  "Connection: a b",
  "X-Fold: a\r\n b",
  "X-Bare: a\nb",
  "X-Bare: a\rb",
  "X-Nul: a\0b",
  "X Name: a",
  ": a",
  "X-No-Colon",
  `X-Long: ${"l".repeat(20_000)}`,
] as const;
const ODD_BODIES = [
  "hello",
  "hell",
  "hello, and more than was promised",
  "5\r\nhello\r\n0\r\n\r\n",
  "5\nhello\n0\n\n",
  "5 \r\nhello\r\n0\r\n\r\n",
  "0x5\r\nhello\r\n0\r\n\r\n",
  "5\r\nhelloXX0\r\n\r\n",
  "5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nX-Echo: junk\r\nContent-Length: 4\r\n\r\njunk",
  "\r\nhello\r\n0\r\n\r\n",
  "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
  "5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n",
  "",
] as const;

function makeOdd(random: Random, identity: string): Buffer {
  const line = random.chance(0.4) ? random.pick(STATUS_LINES) : "HTTP/1.1 200 OK";
  const fields = [`X-Echo: ${identity}`];
  for (let i = random.below(3); i > 0; i--)
    fields.push(random.chance(0.8) ? random.pick(ODD_FIELDS) : random.pick(FIELDS));
  if (random.chance(0.5)) fields.push(random.chance(0.5) ? "Transfer-Encoding: chunked" : "Content-Length: 5");
  const eol = random.chance(0.05) ? "\n" : "\r\n";
  return Buffer.from(`${line}${eol}${fields.join(eol)}${eol}${eol}${random.pick(ODD_BODIES)}`, "latin1");
}
