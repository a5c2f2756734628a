/** Counts are exact: for one request of each kind, and for any number of them at once. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import fc from "fast-check";
import { Held, until } from "../../../../test/harness/held.ts";
import {
  ask,
  Client,
  device,
  get,
  head,
  type OriginConnection,
  ok,
  origin,
  ports,
  type Request,
} from "../../../../test/harness.ts";
import { SEED } from "../../../../test/property/seed.ts";
import { IN_FLIGHT, ROUTES, TARGET } from "./gateway.ts";
import { growth, type Series, scrape, seriesOf } from "./scrape.ts";

/** An upstream that was cut off, or whose answer nobody waits for, is what some tests are about. */
const api = await origin(ports.origin, /./);
await device(ROUTES, TARGET);

/** `http_requests_total{api,2xx}` and the like: how many of them a request adds. */
type Counts = Readonly<Record<string, number>>;

interface Kind {
  readonly does: () => Promise<unknown>;
  readonly adds: Counts;
}

/** The series of a request that ended so. */
function ended(route: string, code: string, more: Counts = {}): Counts {
  const own = { [`http_requests_total{route="${route}",code="${code}"}`]: 1 };
  return { ...own, [`http_request_duration_seconds_count{route="${route}"}`]: 1, ...more };
}

function attempted(upstream: string, answers: 0 | 1, more: Counts = {}): Counts {
  const own = { [`upstream_attempts_total{upstream="${upstream}"}`]: 1 };
  return answers === 0
    ? { ...own, ...more }
    : { ...own, [`upstream_response_seconds_count{upstream="${upstream}"}`]: 1, ...more };
}

const rejected = (reason: string): Counts => ({ [`gateway_rejected_requests_total{reason="${reason}"}`]: 1 });
const failed = (upstream: string, error: string): Counts => ({
  [`upstream_errors_total{upstream="${upstream}",error="${error}"}`]: 1,
});
const unfinished = (route: string, by: string): Counts => ({
  [`http_requests_unfinished_total{route="${route}",by="${by}"}`]: 1,
});

const asks = (request: string) => () => ask(ports.device, request);

/** Reads the first half of an answer, and what comes until the connection ends. */
async function readsToTheEnd(path: string): Promise<void> {
  const client = await Client.open(ports.device);
  await client.send(get(path)).reader.takeUntil("half");
  released.add(path);
  await client.ended();
  client.close();
}

/** Goes away once `there` is. */
async function leaves(path: string, there: (client: Client) => Promise<unknown>): Promise<void> {
  const client = await Client.open(ports.device);
  client.send(get(path));
  await there(client);
  client.close();
}

/** Paths that have come to the upstream, and those whose answer may go on. */
const come = new Set<string>();
const released = new Set<string>();
let tokens = 0;
const withToken = (path: string): string => `${path}/${++tokens}`;

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
const HALF = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";

/** What the upstream does is said by the path's second part. */
async function serve({ target, method }: Request, connection: OriginConnection): Promise<void> {
  const what = target.split("/")[2]!;
  come.add(target);
  if (what === "silent") return;
  if (/^\d{3}$/.test(what)) {
    await connection.send(`HTTP/1.1 ${what} X\r\n${what === "304" ? "" : "Content-Length: 0\r\n"}\r\n`);
  } else if (what === "nonsense") await connection.send("HTTP/1.1 2OO OK\r\n\r\n");
  else if (what === "half") await connection.send(HALF);
  else if (what === "broken") {
    await connection.send(HALF);
    connection.end();
  } else if (what === "badchunk") {
    await connection.send(CHUNKED);
    await until(() => released.has(target), "the client to have read");
    await connection.send("xyz\r\n");
  } else await connection.send(method === "HEAD" ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" : ok("hello"));
}

const KINDS: Readonly<Record<string, Kind>> = {
  "an answer": { does: asks(get("/api/a")), adds: { ...ended("api", "2xx"), ...attempted("api", 1) } },
  "an upload": {
    does: asks(`${head("POST /small", "Content-Length: 4")}body`),
    adds: { ...ended("small", "2xx"), ...attempted("api", 1) },
  },
  HEAD: { does: asks(head("HEAD /api/a")), adds: { ...ended("api", "2xx"), ...attempted("api", 1) } },
  "304": { does: asks(get("/api/304")), adds: { ...ended("api", "3xx"), ...attempted("api", 1) } },
  "an upstream's 404": { does: asks(get("/api/404")), adds: { ...ended("api", "4xx"), ...attempted("api", 1) } },
  "an upstream's 503": { does: asks(get("/api/503")), adds: { ...ended("api", "5xx"), ...attempted("api", 1) } },
  "a request that may share a connection": {
    does: asks(get("/piped/a")),
    adds: { ...ended("piped", "2xx"), ...attempted("piped", 1) },
  },
  "a fixed answer": { does: asks(get("/ping")), adds: ended("ping", "2xx") },
  "no route": { does: asks(get("/nowhere")), adds: ended("-", "4xx", rejected("no_route")) },
  "no such method": { does: asks(get("/small")), adds: ended("-", "4xx", rejected("method_not_allowed")) },
  "a strange method": {
    does: asks(head("TRACE /api/a")),
    adds: ended("api", "5xx", rejected("method_not_implemented")),
  },
  "a bad path": { does: asks(get("/api/../a")), adds: ended("-", "4xx", rejected("bad_target")) },
  "two lengths": {
    does: asks(head("POST /small", "Content-Length: 0", "Content-Length: 0")),
    adds: ended("small", "4xx", rejected("bad_framing")),
  },
  "a large body": {
    does: asks(`${head("POST /small", "Content-Length: 17")}`),
    adds: ended("small", "4xx", rejected("body_too_large")),
  },
  "a refused connection": {
    does: asks(get("/dead")),
    adds: { ...ended("dead", "5xx"), ...attempted("dead", 0, failed("dead", "upstream_refused")) },
  },
  "nonsense instead of an answer": {
    does: asks(get("/api/nonsense")),
    adds: { ...ended("api", "5xx"), ...attempted("api", 0, failed("api", "upstream_malformed")) },
  },
  "no answer in time": {
    does: asks(get("/quick/silent")),
    adds: { ...ended("quick", "5xx"), ...attempted("api", 0, failed("api", "response_header_timeout")) },
  },
  "an answer that breaks off": {
    does: () => readsToTheEnd(withToken("/api/broken")),
    adds: {
      ...ended("api", "2xx", unfinished("api", "gateway")),
      ...attempted("api", 1, failed("api", "upstream_closed")),
    },
  },
  "an answer that goes wrong": {
    does: () => readsToTheEnd(withToken("/api/badchunk")),
    adds: {
      ...ended("api", "2xx", unfinished("api", "gateway")),
      ...attempted("api", 1, failed("api", "upstream_malformed")),
    },
  },
  "a client that does not wait": {
    does: () => {
      const path = withToken("/api/silent");
      return leaves(path, () => until(() => come.has(path), "the request at the upstream"));
    },
    adds: { ...ended("api", "none", unfinished("api", "client")), ...attempted("api", 0) },
  },
  "a client that leaves in the middle": {
    does: () => leaves("/api/half", (client) => client.reader.takeUntil("half")),
    adds: { ...ended("api", "2xx", unfinished("api", "client")), ...attempted("api", 1) },
  },
};

/** What was counted since the last time, once all clients have gone and nothing is in flight. */
async function counted(): Promise<Counts> {
  let now: Series = new Map();
  const isQuiet = () => ["client_connections", "requests_in_flight"].every((what) => now.get(`gateway_${what}`) === 0);
  const limit = Date.now() + 5000;
  do now = seriesOf(await scrape());
  while (!isQuiet() && Date.now() < limit);
  assert.ok(isQuiet(), "the gauges are back to 0");
  const grown = growth(last, now);
  last = now;
  return grown;
}

let last: Series = new Map();

/** Without the connections that were opened for it, which depend on what was before. */
function withoutConnections(counts: Counts): Counts {
  return Object.fromEntries(Object.entries(counts).filter(([name]) => !name.startsWith("upstream_connections_opened")));
}

function sumOf(all: readonly Counts[]): Counts {
  const sum: Record<string, number> = {};
  for (const counts of all) for (const [name, more] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + more;
  return sum;
}

beforeEach(async () => {
  await api.drop();
  api.script(serve);
  await counted();
});

for (const [name, { does, adds }] of Object.entries(KINDS)) {
  test(`${name} is counted, and nothing else`, async () => {
    await does();
    assert.deepEqual(withoutConnections(await counted()), adds);
  });
}

test("any mix of them, four at a time, is counted to the last one", async () => {
  const mixes = fc.array(fc.constantFrom(...Object.keys(KINDS)), { minLength: 1, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(mixes, async (mix) => {
      const left = [...mix];
      const work = async (): Promise<void> => {
        for (let name = left.pop(); name !== undefined; name = left.pop()) await KINDS[name]!.does();
      };
      await Promise.all([work(), work(), work(), work()]);
      assert.deepEqual(withoutConnections(await counted()), sumOf(mix.map((name) => KINDS[name]!.adds)));
    }),
    { seed: SEED, numRuns: 25 },
  );
});

/** Clients whose requests are held at the upstream. */
async function hold(held: Held, count: number, path: string): Promise<Client[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => Client.open(ports.device)));
  for (const client of clients) client.send(get(path));
  await held.take(count);
  return clients;
}

test("as many as are allowed are in flight, and one more is counted as refused", async () => {
  const held = new Held(api);
  const clients = await hold(held, IN_FLIGHT, "/api/a");
  assert.equal((await ask(ports.device, get("/api/a"))).status, 503);
  const now = seriesOf(await scrape());
  assert.equal(now.get("gateway_requests_in_flight"), IN_FLIGHT);
  assert.equal(now.get("gateway_requests_in_flight_limit"), IN_FLIGHT);
  assert.equal(now.get("gateway_client_connections"), IN_FLIGHT);
  assert.equal(now.get('upstream_connections{upstream="api",state="busy"}'), IN_FLIGHT);
  for (const { connection } of held.all) await connection.send(ok("hello"));
  for (const client of clients) {
    await client.answer();
    client.close();
  }
  const served = Array.from({ length: IN_FLIGHT }, () => KINDS["an answer"]!.adds);
  assert.deepEqual(withoutConnections(await counted()), sumOf([...served, ended("-", "5xx", rejected("overloaded"))]));
  assert.equal(last.get('upstream_connections{upstream="api",state="busy"}'), 0);
  assert.equal(last.get('upstream_connections{upstream="api",state="idle"}'), IN_FLIGHT);
});

test("who waits for a connection is seen waiting, and who finds no place is counted as refused", async () => {
  const held = new Held(api);
  const [first] = await hold(held, 1, "/narrow/a");
  const second = (await Client.open(ports.device)).send(get("/narrow/b"));
  await seen("upstream_requests_waiting", 1);
  assert.equal((await ask(ports.device, get("/narrow/c"))).status, 503);
  assert.equal(last.get('upstream_connections_limit{upstream="narrow"}'), 1);
  for (const [n, client] of [first!, second].entries()) {
    await (await held.take(n + 1))[n]!.connection.send(ok("hello"));
    await client.answer();
    client.close();
  }
  const served = { ...ended("narrow", "2xx"), ...attempted("narrow", 1) };
  const refused = ended("narrow", "5xx", rejected("upstream_busy"));
  const opened = { 'upstream_connections_opened_total{upstream="narrow"}': 1 };
  assert.deepEqual(await counted(), sumOf([served, served, refused, opened]));
});

/** Until a gauge of the upstream "narrow" has the value. */
async function seen(gauge: string, value: number): Promise<void> {
  const limit = Date.now() + 5000;
  while (seriesOf(await scrape()).get(`${gauge}{upstream="narrow"}`) !== value) assert.ok(Date.now() < limit, gauge);
}

test("what is sent again is one request, two attempts and an error", async () => {
  await ask(ports.device, get("/api/a"));
  await counted();
  // The kept connection ends as its second request comes.
  api.script((request, connection) =>
    connection.requests.length > 1 ? connection.reset() : serve(request, connection),
  );
  assert.equal((await ask(ports.device, get("/api/a"))).status, 200);
  const again = { ...failed("api", "upstream_closed"), 'upstream_retries_total{upstream="api"}': 1 };
  const second = {
    'upstream_attempts_total{upstream="api"}': 1,
    'upstream_connections_opened_total{upstream="api"}': 1,
  };
  assert.deepEqual(await counted(), sumOf([KINDS["an answer"]!.adds, again, second]));
});

test("an endpoint that refuses costs attempts and errors, but no request", async () => {
  for (let i = 0; i < 4; i++) assert.equal((await ask(ports.device, get("/half/a"))).status, 200);
  const all = await counted();
  const of = (series: string) => all[series] ?? 0;
  const retries = of('upstream_retries_total{upstream="half"}');
  assert.equal(of('http_requests_total{route="half",code="2xx"}'), 4);
  assert.ok(retries >= 1, "one of two endpoints in turn");
  assert.equal(of('upstream_attempts_total{upstream="half"}'), 4 + retries);
  assert.equal(of('upstream_errors_total{upstream="half",error="upstream_refused"}'), retries);
});

test("connections that are used again show in the ratio", async () => {
  const client = await Client.open(ports.device);
  for (let i = 0; i < 30; i++) await client.send(get("/narrow/a")).answer();
  client.close();
  assert.equal((await counted())['upstream_connections_opened_total{upstream="narrow"}'], 1);
  const [attempts, opened, ratio] = ["attempts_total", "connections_opened_total", "connection_reuse_ratio"].map(
    (what) => last.get(`upstream_${what}{upstream="narrow"}`)!,
  );
  assert.equal(ratio, 1 - opened! / attempts!);
  assert.ok(ratio! > 0.9, `${ratio}`);
});

test("durations are in their buckets, and their sum is what clients have waited", async () => {
  const DELAY_MS = 80;
  api.script(async (request, connection) => {
    await new Promise((resolve) => setTimeout(resolve, DELAY_MS));
    await serve(request, connection);
  });
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) {
    const started = performance.now();
    await ask(ports.device, get("/api/a"));
    waits.push((performance.now() - started) / 1000);
  }
  const waitedSeconds = waits.reduce((sum, seconds) => sum + seconds);
  const before = last;
  await counted();
  for (const pattern of ['http_request_duration_seconds_X{route="api"', 'upstream_response_seconds_X{upstream="api"']) {
    const grown = (suffix: string, labels = "") => {
      const series = `${pattern.replace("X", suffix)}${labels}}`;
      return last.get(series)! - before.get(series)!;
    };
    const buckets = ["0.005", "0.05", "0.5", "+Inf"].map((le) => grown("bucket", `,le="${le}"`));
    // No longer than its client has waited; on a busy machine that may be more than half a second.
    const [, , half] = buckets;
    assert.ok(half! >= waits.filter((seconds) => seconds < 0.5).length, `${buckets} of ${waits}`);
    assert.deepEqual(buckets, [0, 0, half, 5], pattern);
    const sum = grown("sum");
    // Timers may fire a little early.
    assert.ok(sum > (5 * (DELAY_MS - 2)) / 1000 && sum < waitedSeconds, `${pattern}: ${sum} of ${waitedSeconds}`);
  }
});
