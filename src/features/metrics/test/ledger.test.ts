/**
 * A ledger of what clients did against what was counted: thousands of exchanges of every kind at once, in an order that
 * the seed gives, while the page is scraped all the time. Every request is counted once, by the class that its client
 * saw; what no client can know, such as whether it left before the last byte was sent, is counted one way or the other.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Random } from "../../../../test/fuzz/random.ts";
import { until } from "../../../../test/harness/held.ts";
import { Client, device, get, head, type OriginConnection, ok, origin, ports } from "../../../../test/harness.ts";
import { SEED } from "../../../../test/property/seed.ts";
import { ROUTES, TARGET } from "./gateway.ts";
import { ACCEPT_OPEN, type Series, scrape, seriesOf } from "./scrape.ts";

const EXCHANGES = Number(process.env.EXCHANGES ?? 4000);
const WORKERS = 12;
const SCRAPE_MS = 20;
/** More than the kernel keeps on the way. */
const BIG = Buffer.alloc(64 << 10, "x");
const BIG_PARTS = 200;

const api = await origin(ports.origin, /./);
await device(ROUTES, TARGET);

/** Paths whose requests have come to the upstream. */
const come = new Set<string>();

async function serve({ target, method }: { target: string; method: string }, c: OriginConnection): Promise<void> {
  const [, , what] = target.split("/");
  if (method === "HEAD") await c.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  else if (/^\d+$/.test(what!)) await c.send(`HTTP/1.1 ${what} X\r\nContent-Length: 0\r\n\r\n`);
  else if (what === "early") {
    await c.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    await sleep(1);
    await c.send(ok("hello"));
  } else if (what === "broken") {
    await c.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    c.end();
  } else if (what === "flaky" && c.requests.length > 1) c.reset();
  else if (what === "big") {
    await c.send(`HTTP/1.1 200 OK\r\nContent-Length: ${BIG.length * BIG_PARTS}\r\n\r\n`);
    for (let i = 0; i < BIG_PARTS && !c.socket.destroyed; i++) await c.send(BIG);
  } else if (what !== "silent") await c.send(ok("hello"));
}

class Ledger {
  /** By route and class of the answer's status. */
  readonly answered = new Map<string, number>();
  /** Of those, by the gateway in the middle. */
  cut = 0;
  /** Requests whose client left before any answer, and in the middle of one. */
  left = 0;
  leftInTheMiddle = 0;
  refused = 0;

  add(route: string, status: number): void {
    const key = `route="${route}",code="${Math.floor(status / 100)}xx"`;
    this.answered.set(key, (this.answered.get(key) ?? 0) + 1);
  }

  /** An answer is the upstream's, the route's own, or a refusal that no route has. */
  answer(route: string, { status, body }: { status: number; body: Buffer }): void {
    const isOverloaded = status === 503 && /"overloaded"/.test(body.toString());
    if (isOverloaded) this.refused += 1;
    this.add(isOverloaded ? "-" : route, status);
  }
}

const ledger = new Ledger();
let exchanges = 0;
let tokens = 0;

/** Answers that are a refusal end the connection of a client that may go on. */
async function exchange(client: Client, route: string, request: string, method = "GET"): Promise<boolean> {
  const answer = await client.send(request).answer(method);
  if (answer.status === 103) return false;
  // HEAD has no body to tell by: no other 503 is in the ledger.
  if (method === "HEAD" && answer.status === 503)
    ledger.answer(route, { status: 503, body: Buffer.from('"overloaded"') });
  else ledger.answer(route, answer);
  return !/close/i.test(answer.head);
}

type Kind = (client: Client, path: (what: string) => string, random: Random) => Promise<boolean>;

/** Whether the request is at the upstream; or it was refused, which is in the ledger then. */
async function arrives(client: Client, path: string, route: string): Promise<boolean> {
  await until(() => come.has(path) || client.reader.waiting > 0, `${path} at the upstream`, 10_000);
  if (come.has(path)) return true;
  ledger.answer(route, await client.answer());
  return false;
}

/** Its second part comes later; not if it was refused, since the answer could be lost with the connection then. */
async function upload(
  c: Client,
  route: string,
  path: string,
  field: string,
  one: string,
  two: string,
): Promise<boolean> {
  c.send(`${head(`POST ${path}`, field)}${one}`);
  return (await arrives(c, path, route)) && exchange(c, route, two);
}

const KINDS: readonly Kind[] = [
  (c, path) => exchange(c, "api", get(path("api/a"))),
  (c, path) => exchange(c, "piped", get(path("piped/a"))),
  (c, path) => exchange(c, "api", head(`HEAD ${path("api/a")}`), "HEAD"),
  (c, path, random) => exchange(c, "api", get(path(`api/${random.pick([201, 302, 404, 500])}`))),
  (c) => exchange(c, "-", get("/nowhere")),
  (c) => exchange(c, "dead", get("/dead")),
  (c, path) => exchange(c, "api", get(path("api/flaky"))),
  (c) => exchange(c, "small", `${head("POST /small", "Content-Length: 4")}body`),
  (c) => upload(c, "small", `/small?${++tokens}`, "Content-Length: 4", "bo", "dy"),
  (c, path) => upload(c, "api", path("api/a"), "Transfer-Encoding: chunked", "3\r\nabc\r\n", "0\r\n\r\n"),
  async (c) => {
    // Answered as they are read, or each refused: the only ones that may stand in one segment.
    c.send(get("/ping").repeat(4));
    let isKept = true;
    for (let i = 0; i < 4; i++) isKept = await exchange(c, "ping", "");
    return isKept;
  },
  async (c, path) => {
    const isKept = await exchange(c, "api", get(path("api/early")));
    return isKept || c.reader.waiting === 0 ? isKept : exchange(c, "api", "");
  },
  async (c, path) => {
    const it = path("api/silent");
    c.send(get(it));
    if (await arrives(c, it, "api")) ledger.left += 1;
    return false;
  },
  async (c, path) => {
    const it = path("api/big");
    c.send(get(it));
    if (!(await arrives(c, it, "api"))) return false;
    await c.reader.take(1000);
    ledger.leftInTheMiddle += 1;
    return false;
  },
  async (c, path) => {
    const it = path("api/broken");
    c.send(get(it));
    if (!(await arrives(c, it, "api"))) return false;
    await c.ended();
    ledger.add("api", 200);
    ledger.cut += 1;
    return false;
  },
  async (c, path) => {
    const it = path("api/a");
    c.send(`${head(`POST ${it}`, "Content-Length: 200000")}${"x".repeat(1000)}`);
    if (await arrives(c, it, "api")) ledger.left += 1;
    return false;
  },
];

/** What must hold of every page, and between two of them. */
function checkPage(now: Series, before: Series): void {
  if (before.size > 0) assert.deepEqual([...now.keys()], [...before.keys()], "the same series");
  let bucket = 0;
  const requests = new Map<string, number>();
  for (const [name, value] of now) {
    if (/^\w+_(total|bucket|count|sum)\b/.test(name))
      assert.ok(value >= (before.get(name) ?? 0), `${name} fell from ${before.get(name)} to ${value}`);
    const route = /route="([^"]*)"/.exec(name)?.[1] ?? "";
    if (name.startsWith("http_requests_total")) requests.set(route, (requests.get(route) ?? 0) + value);
    if (name.includes("_bucket")) {
      assert.ok(value >= bucket, `${name} is not cumulative`);
      bucket = /le="\+Inf"/.test(name) ? 0 : value;
    }
    if (name.startsWith("http_request_duration_seconds_count")) assert.equal(value, requests.get(route), name);
  }
}

async function scrapeUntil(isDone: () => boolean): Promise<number> {
  let before: Series = new Map();
  let count = 0;
  for (; !isDone(); count++) {
    const now = seriesOf(await scrape(...(count % 2 === 0 ? [] : [ACCEPT_OPEN])));
    checkPage(now, before);
    before = now;
    await sleep(SCRAPE_MS);
  }
  return count;
}

async function work(number: number): Promise<void> {
  const random = new Random(SEED, number);
  let client: Client | undefined;
  while (exchanges < EXCHANGES) {
    const path = (what: string) => `/${what}/${++tokens}`;
    client ??= await Client.open(ports.device);
    exchanges += 1;
    const isKept = await random.pick(KINDS)(client, path, random);
    if (isKept && random.chance(0.9)) continue;
    client.close();
    client = undefined;
  }
  client?.close();
}

test(`${EXCHANGES} exchanges of all kinds, ${WORKERS} at a time, are counted once each`, async (context) => {
  api.script(serve, ({ target }) => {
    come.add(target);
  });
  let isDone = false;
  const scrapes = scrapeUntil(() => isDone);
  await Promise.all(Array.from({ length: WORKERS }, (_, i) => work(i)));
  isDone = true;
  const count = await scrapes;

  let now: Series = new Map();
  const gauges = [
    "gateway_client_connections",
    "gateway_requests_in_flight",
    'upstream_connections{upstream="api",state="busy"}',
  ];
  for (let i = 0; i < 50 && !(now.size > 0 && gauges.every((name) => now.get(name) === 0)); i++) {
    now = seriesOf(await scrape());
    await sleep(20);
  }
  for (const name of gauges) assert.equal(now.get(name), 0, `${name} is back to 0`);

  const counted = new Map(
    [...now].flatMap(([name, value]) => {
      const labels = /^http_requests_total\{(.*)\}$/.exec(name)?.[1];
      return labels === undefined || value === 0 ? [] : [[labels, value] as const];
    }),
  );
  const expected = new Map(ledger.answered);
  const [none, whole] = ['route="api",code="none"', 'route="api",code="2xx"'];
  expected.set(none, ledger.left);
  expected.set(whole, expected.get(whole)! + ledger.leftInTheMiddle);
  assert.deepEqual(new Map([...counted].sort()), new Map([...expected].sort()));
  const unfinished = (by: string) => now.get(`http_requests_unfinished_total{route="api",by="${by}"}`);
  assert.equal(unfinished("client"), ledger.left + ledger.leftInTheMiddle);
  assert.equal(unfinished("gateway"), ledger.cut);
  assert.equal(now.get('gateway_rejected_requests_total{reason="overloaded"}'), ledger.refused);
  const opened = ["api", "piped", "narrow", "half"].map(
    (name) => now.get(`upstream_connections_opened_total{upstream="${name}"}`)!,
  );
  assert.equal(
    opened.reduce((a, b) => a + b),
    api.connections.length,
    "connections as the upstream has seen them",
  );
  const all = [...counted.values()].reduce((a, b) => a + b);
  context.diagnostic(`${all} requests in ${count} scrapes: ${JSON.stringify(Object.fromEntries(counted))}`);
});
