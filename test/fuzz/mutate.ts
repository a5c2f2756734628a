/** Byte mutations: what a hostile or broken peer does to bytes that were a message once. */
import type { Random } from "./random.ts";

/** Bytes and pieces that parsers of HTTP/1.1 trip over. */
const PIECES = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  " ",
  "\t",
  ":",
  ";",
  ",",
  "\x7f",
  "\x80",
  "\xff",
  "\r\n\r\n",
  "\n\n",
  "\r\n ",
  "0\r\n\r\n",
  "%00",
  "/../",
  "Content-Length: 5\r\n",
  "Content-Length: 0\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Connection: close\r\n",
  "HTTP/1.1 200 OK\r\n",
  "GET /fuzz/inserted HTTP/1.1\r\nHost: inserted\r\n\r\n",
] as const;

const MUTATIONS: readonly ((random: Random, bytes: Buffer, at: number) => Buffer)[] = [
  (random, bytes, at) => replace(bytes, at, at + 1, Buffer.of(bytes[at]! ^ (1 << random.below(8)))),
  (random, bytes, at) => replace(bytes, at, at + 1, Buffer.of(random.below(256))),
  (random, bytes, at) => replace(bytes, at, at, Buffer.from(random.pick(PIECES), "latin1")),
  (random, bytes, at) => replace(bytes, at, at + 1, Buffer.from(random.pick(PIECES), "latin1")),
  (random, bytes, at) => replace(bytes, at, at + 1 + random.below(8), Buffer.alloc(0)),
  (random, bytes, at) => replace(bytes, at, at, bytes.subarray(at, at + 1 + random.below(40))),
  (_, bytes, at) => bytes.subarray(0, at),
  (random, bytes, at) => {
    const from = random.below(bytes.length);
    return replace(bytes, at, at, bytes.subarray(from, from + 1 + random.below(40)));
  },
];

function replace(bytes: Buffer, start: number, end: number, by: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, start), by, bytes.subarray(end)]);
}

/** One to four mutations, most of them in the head, where the grammar is. */
export function mutate(random: Random, bytes: Buffer): Buffer {
  let mutated = bytes;
  const count = 1 + random.below(random.chance(0.6) ? 1 : 4);
  for (let i = 0; i < count && mutated.length > 0; i++) {
    const within = random.chance(0.8) ? Math.min(mutated.length, 300) : mutated.length;
    mutated = random.pick(MUTATIONS)(random, mutated, random.below(within));
  }
  return mutated;
}
