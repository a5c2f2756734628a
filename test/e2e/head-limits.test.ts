/**
 * The limits of a request's head, at them and one byte beyond, however the bytes come; and that what is within them
 * reaches the origin whole, with the most that fields, placeholders and a longer path can add.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ask, Client, device, fieldOf, hostTarget, linesOf, ok, origin, ports, type Request } from "../harness.ts";

const HEAD_BYTES = 4096;
const URI_BYTES = 1024;
/** uWebSockets.js keeps 100 entries, one for the request line and one for the end. */
const FIELDS_MAX = 98;
const HOST = `${"h".repeat(249)}:65535`;
/** The longest prefix that a path can be given. */
const PREFIX = `/${"p".repeat(255)}`;
const GAP_MS = 2;
const SEED = Number(process.env.SEED ?? Date.now() & 0x7fffffff);

const upstream = await origin(ports.origin);
const api = { endpoints: [{ url: `http://127.0.0.1:${ports.origin}` }] };
const routes = (name: string, ...list: object[]) => ({ version: 1, name, upstreams: { api }, routes: list });

await device(
  routes(
    "edge",
    { name: "api", match: { path: "/api/*" }, upstream: "api" },
    {
      name: "grow",
      match: { path: "/grow/*" },
      upstream: "api",
      rewrite: { replace_prefix: { from: "/grow", to: PREFIX } },
    },
    { name: "fixed", match: { path: "/fixed/*" }, respond: { status: 200, body: "fixed\n" } },
  ),
  hostTarget({ limits: { header_bytes: "4KiB", uri: "1KiB" } }),
);

/** Everything that makes a forwarded head longer than the one that came, and path and query as long as the head. */
await device(
  routes("g".repeat(63), {
    name: "r".repeat(63),
    match: { path: "/*" },
    upstream: "api",
    rewrite: { replace_prefix: { from: "/", to: PREFIX } },
    request_headers: {
      set: {
        "X-Line": "{method} {path} {query}",
        "X-Who": "{client.ip} {request.id} {host} {route} {upstream} {scheme}",
      },
    },
    response_headers: { set: { "X-Line": "{method} {path} {query} {host}" } },
  }),
  {
    ...hostTarget({ limits: { header_bytes: "4KiB", uri: "4KiB" } }),
    listeners: { public: { address: `127.0.0.1:${ports.otherDevice}` } },
  },
);

/** A head of exactly `bytes` bytes: one field takes what is missing. */
function headOf(
  bytes: number,
  start = "GET /api/x",
  fields: readonly string[] = ["Host: h"],
  fill = "X-Fill: ",
): string {
  const lines = (value: string) => [`${start} HTTP/1.1`, ...fields, `${fill}${value}`, "", ""].join("\r\n");
  return lines("v".repeat(bytes - lines("").length));
}

/** The text in pieces that end at these offsets. */
function cut(text: string, offsets: readonly number[]): string[] {
  const ends = [...new Set(offsets)].filter((at) => at > 0 && at < text.length).sort((a, b) => a - b);
  return [...ends, text.length].map((end, i) => text.slice(i === 0 ? 0 : ends[i - 1], end));
}

/** Sends the pieces in segments of their own. */
async function send(pieces: readonly string[], port = ports.device): Promise<Client> {
  const client = await Client.open(port);
  for (const [i, piece] of pieces.entries()) {
    if (i > 0) await new Promise((resolve) => setTimeout(resolve, GAP_MS));
    client.send(piece);
  }
  return client;
}

/** The status of the one answer, after which the connection is closed; the origin saw nothing. */
async function refusal(pieces: readonly string[], port = ports.device): Promise<number> {
  upstream.script((_, connection) => connection.send(ok("")));
  const client = await send(pieces, port);
  const text = (await client.ended()).rest.toString("latin1");
  client.close();
  assert.equal(upstream.requests.length, 0, "a refused request reached the origin");
  assert.equal(text.split("HTTP/1.1 ").length, 2, `not one answer: ${text}`);
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]);
}

/** The request as the origin got it. */
async function forwarded(pieces: readonly string[], port = ports.device): Promise<Request> {
  upstream.script((_, connection) => connection.send(ok("fine")));
  const client = await send(pieces, port);
  const answer = await client.answer();
  client.close();
  assert.equal(answer.status, 200, `${answer.line} ${answer.body}`);
  assert.equal(upstream.requests.length, 1);
  return upstream.requests[0]!;
}

/** No field of the client's is missing, shortened or doubled; `added` are the names of ours. */
function assertWhole(sent: string, got: Request, added: readonly string[]): void {
  const fieldLines = (lines: readonly string[]) => lines.slice(1).map((line) => line.replace(/^([^:]+): */, lower));
  const lower = (_: string, name: string) => `${name.toLowerCase()}: `;
  const own = new Set(added);
  const theirs = fieldLines(linesOf({ head: got.head })).filter((line) => !own.has(line.slice(0, line.indexOf(":"))));
  assert.deepEqual(theirs, fieldLines(linesOf({ head: sent })));
}

const FORWARDING = ["x-forwarded-for", "x-real-ip", "x-forwarded-proto", "via", "x-forwarded-host"];

const SPLITS: Record<string, (head: string) => string[]> = {
  "in one segment": (head) => [head],
  "in halves": (head) => cut(head, [head.length / 2]),
  "the last byte late": (head) => cut(head, [head.length - 1]),
  "the empty line late": (head) => cut(head, [head.length - 2]),
  "the first byte early": (head) => cut(head, [1]),
  "in pieces of 100": (head) =>
    cut(
      head,
      Array.from({ length: head.length / 100 }, (_, i) => i * 100),
    ),
};

for (const [name, split] of Object.entries(SPLITS)) {
  test(`header_bytes, ${name}: exactly so many are forwarded whole, one more is 431`, async () => {
    for (const bytes of [HEAD_BYTES - 1, HEAD_BYTES]) {
      const head = headOf(bytes);
      assertWhole(head, await forwarded(split(head)), FORWARDING);
    }
    assert.equal(await refusal(split(headOf(HEAD_BYTES + 1))), 431);
  });
}

test("431 for a head far over the limit, and for one that never ends", async () => {
  assert.equal(await refusal([headOf(100_000)]), 431);
  assert.equal(await refusal([headOf(HEAD_BYTES + 1).slice(0, HEAD_BYTES)]), 431);
});

test("a body behind a head at the limit arrives whole, wherever the segments end", async () => {
  const body = "0123456789".repeat(500);
  const head = headOf(HEAD_BYTES, "POST /api/x", ["Host: h", `Content-Length: ${body.length}`]);
  for (const at of [HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1, 100]) {
    const got = await forwarded(cut(head + body, [at]));
    assert.equal(got.body.toString(), body, `cut at ${at}`);
  }
  const over = headOf(HEAD_BYTES + 1, "POST /api/x", ["Host: h", `Content-Length: ${body.length}`]);
  assert.equal(await refusal([over + body]), 431);
});

test(`${FIELDS_MAX} fields are forwarded whole, one more is 431`, async () => {
  const withFields = (count: number) => {
    const names = Array.from({ length: count - 2 }, (_, i) => `x${i}:v`);
    return headOf(HEAD_BYTES, "GET /api/x", ["Host:h", ...names], "x:");
  };
  for (const split of [SPLITS["in one segment"]!, SPLITS["in pieces of 100"]!]) {
    const most = withFields(FIELDS_MAX);
    assertWhole(most, await forwarded(split(most)), FORWARDING);
    assert.equal(await refusal(split(withFields(FIELDS_MAX + 1))), 431);
  }
});

/** Targets whose path and query are together `bytes` long. */
const TARGETS: Record<string, (bytes: number) => string> = {
  "a path": (bytes) => `/api/${"p".repeat(bytes - 5)}`,
  "a query": (bytes) => `/api/x?${"q".repeat(bytes - 6)}`,
  "a path and an empty query": (bytes) => `/api/${"p".repeat(bytes - 5)}?`,
  // Counted as it came: normalised it would be a third as long.
  "a path of triplets": (bytes) => `/api/${"%41".repeat((bytes - 5) / 3)}${"a".repeat((bytes - 5) % 3)}`,
};

for (const [name, targetOf] of Object.entries(TARGETS)) {
  test(`uri, ${name}: exactly so many bytes are forwarded, one more is 414`, async () => {
    const within = targetOf(URI_BYTES);
    const got = await forwarded([headOf(HEAD_BYTES, `GET ${within}`)]);
    assert.equal(got.target, within.replaceAll("%41", "A"));
    const answer = await ask(ports.device, headOf(HEAD_BYTES, `GET ${targetOf(URI_BYTES + 1)}`));
    assert.equal(answer.status, 414);
    assert.equal(fieldOf(answer, "content-type"), "application/problem+json");
    assert.equal(fieldOf(answer, "connection"), "close");
    assert.equal(JSON.parse(answer.body.toString()).code, "target_too_long");
  });
}

test("414 whether or not a route matches, whoever answers it", async () => {
  const long = "p".repeat(URI_BYTES);
  for (const path of [`/api/${long}`, `/fixed/${long}`, `/nowhere/${long}`, `/api/../${long}`]) {
    assert.equal(await refusal([`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`]), 414, path.slice(0, 20));
  }
  const client = await send([`HEAD /api/${long} HTTP/1.1\r\nHost: h\r\n\r\n`]);
  assert.equal((await client.answer("HEAD")).status, 414);
  assert.deepEqual(await client.ended(), { rest: Buffer.alloc(0), code: "" });
});

test("nothing that stands behind a refused head is served", async () => {
  const long = "p".repeat(URI_BYTES);
  const next = "GET /api/hidden HTTP/1.1\r\nHost: h\r\n\r\n";
  const upload = `POST /api/${long} HTTP/1.1\r\nHost: h\r\nContent-Length: ${next.length}\r\n\r\n`;
  assert.equal(await refusal([upload + next]), 414);
  assert.equal(await refusal(cut(upload + next, [upload.length])), 414);
  assert.equal(await refusal([headOf(HEAD_BYTES + 1) + next]), 431);
  // A second request before the answer to the first makes uWebSockets.js close without any.
  upstream.script((_, connection) => connection.send(ok("")));
  const client = await send([`GET /api/${long} HTTP/1.1\r\nHost: h\r\n\r\n${next}`]);
  assert.deepEqual(await client.ended(), { rest: Buffer.alloc(0), code: "" });
  assert.equal(upstream.requests.length, 0);
});

test("a head that is refused for its framing stays so where its target is too long", async () => {
  const long = "p".repeat(URI_BYTES);
  assert.equal(await refusal([`GET /api/${long} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x\r\n\r\n`]), 400);
});

/** What our own fields were on this way, and a line that grew. */
const GROWN = [...FORWARDING, "x-line", "x-who"];

test("a head at the limit is forwarded whole where the core alone adds to it, a longer path too", async () => {
  const few = Array.from({ length: FIELDS_MAX - 2 }, (_, i) => `x${i}:v`);
  const rest = `/${"a".repeat(URI_BYTES - 6)}`;
  for (const target of ["/grow/", `/grow${rest}`]) {
    const head = headOf(HEAD_BYTES, `POST ${target}`, [`Host:${HOST}`, ...few], "x:");
    const got = await forwarded([head]);
    assertWhole(head, got, [...FORWARDING, "content-length"]);
    assert.equal(got.target, `${PREFIX}${target.slice("/grow".length)}`);
  }
});

test("a head at the limit is forwarded whole with the most that placeholders add to it", async () => {
  const few = Array.from({ length: FIELDS_MAX - 2 }, (_, i) => `x${i}:v`);
  const path = `/${"a".repeat(2500)}`;
  const target = `${PREFIX}${path}`;
  const longest: Record<string, [start: string, fields: readonly string[]]> = {
    "a long value": ["GET /", [`Host:${HOST}`]],
    "many fields without blanks": ["GET /", [`Host:${HOST}`, ...few]],
    "a long path": [`GET ${path}`, [`Host:${HOST}`]],
    "a long query": [`GET /?${"q".repeat(3000)}`, [`Host:${HOST}`]],
    "a long path, many fields, no body where one is usual": [`POST ${path}`, [`Host:${HOST}`, ...few]],
    "a long method": [`${"M".repeat(32)} /`, [`Host:${HOST}`]],
  };
  for (const [name, [start, fields]] of Object.entries(longest)) {
    const head = headOf(HEAD_BYTES, start, fields, "x:");
    const got = await forwarded([head], ports.otherDevice);
    const added = start.startsWith("POST") ? [...GROWN, "content-length"] : GROWN;
    assertWhole(head, got, added);
    assert.equal(fieldOf(got, "x-forwarded-host"), HOST, name);
    if (start.includes(path)) assert.equal(got.target, target, name);
    assert.equal(
      fieldOf(got, "x-line"),
      `${got.method} ${got.target.replace("?", " ")}${got.target.includes("?") ? "" : " "}`.trimEnd(),
      name,
    );
  }
});

test("any head within the limit reaches the origin whole, and none beyond it at all", async () => {
  console.log(`seed ${SEED}`);
  const token = fc.string({ unit: fc.constantFrom(..."abcxyz-019"), minLength: 1, maxLength: 40 });
  const value = fc
    .string({ unit: fc.constantFrom(..."abc XYZ%=;,/?\"'{}é€"), maxLength: 600 })
    .map((text) => `"${text}"`);
  const shape = fc.record({
    bytes: fc.oneof(fc.integer({ min: 1500, max: HEAD_BYTES + 300 }), fc.constantFrom(HEAD_BYTES, HEAD_BYTES + 1)),
    pathChars: fc.integer({ min: 0, max: 700 }),
    queryChars: fc.integer({ min: 0, max: 500 }),
    fields: fc.array(fc.tuple(token, fc.boolean(), value), { maxLength: 60 }),
    cuts: fc.array(fc.integer({ min: 1, max: HEAD_BYTES + 300 }), { maxLength: 6 }),
    port: fc.constantFrom(ports.device, ports.otherDevice),
  });
  await fc.assert(
    fc.asyncProperty(shape, async ({ bytes, pathChars, queryChars, fields, cuts, port }) => {
      const start = `GET /api/${"p".repeat(pathChars)}?${"q".repeat(queryChars)}`;
      const lines = ["Host: h"];
      let left = bytes - [`${start} HTTP/1.1`, ...lines, "X-Fill: ", "", ""].join("\r\n").length;
      for (const [name, blank, text] of fields) {
        const line = Buffer.from(`y-${name}:${blank ? " " : ""}${text}`).toString("latin1");
        left -= line.length + 2;
        if (left < 0) break;
        lines.push(line);
      }
      const head = headOf(bytes, start, lines);
      const pieces = cut(head, cuts);
      const long = port === ports.device && start.length - "GET ".length - 1 > URI_BYTES;
      if (head.length > HEAD_BYTES) assert.equal(await refusal(pieces, port), 431);
      else if (long) assert.equal(await refusal(pieces, port), 414);
      else assertWhole(head, await forwarded(pieces, port), GROWN);
    }),
    { seed: SEED, numRuns: 150 },
  );
});
