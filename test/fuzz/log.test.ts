/**
 * Whatever bytes clients send, each request that is counted has one line, of visible ASCII, that a parser of JSON reads;
 * what it shows of plain requests is what was sent, and no secret is in any. `REQUESTS=… SEED=… node --test …`
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Logged } from "../harness/logged.ts";
import { ALL, FIELDS, JSON_ROUTES, JSON_TARGET, routes } from "../harness/logged-gateway.ts";
import { ask, get, ok, origin, pack, ports } from "../harness.ts";
import { SEED } from "../property/seed.ts";
import { mutate } from "./mutate.ts";
import { Random } from "./random.ts";

const REQUESTS = Number(process.env.REQUESTS ?? 3000);
const LANES = 8;
/** What the gateway waits for more of, no answer comes to. */
const WAIT_MS = 100;
const PLAIN_WAIT_MS = 10_000;
const SECRET = "s3cret";

const upstream = await origin(ports.origin, /./);
upstream.script((_, connection) => connection.send(ok("ok")));

interface Made {
  readonly bytes: Buffer;
  /** Its query where all of it is plain, and must be shown as it is. */
  readonly query: string | undefined;
}

const SECRET_NAMES = [
  "token",
  "access_token",
  "API-Key",
  "pass%77ord",
  "%73ecret",
  "user[pwd]",
  "sessionId",
  "x%5Bauth%5D",
];
const SECRET_FIELDS = ["Authorization", "COOKIE", "cookie", "x-API-key", "Proxy-Authorization", "X-Auth-Token"];
const METHODS = ["GET", "GET", "GET", "HEAD", "POST", "DELETE", "get", "M-SEARCH", "TRACE", '"{}'];
const PATHS = ["/api/", "/api/", "/api/", "/dead/", "/ping", "/none/", "//api/", "/api/../", "*", "http://h/api/", ""];

/** Any byte but those that end a line. */
function anyBytes(random: Random, lengthMax: number): string {
  const length = random.chance(0.02) ? random.below(12_000) : random.below(lengthMax);
  const from = random.pick(["any", "plain", "odd"]);
  let text = "";
  while (text.length < length) {
    if (from === "any") text += String.fromCharCode(1 + random.below(255)).replace(/[\r\n]/, "");
    else if (from === "plain") text += String.fromCharCode(0x21 + random.below(94));
    else
      text += random.pick([
        '"',
        "\\",
        "\\u",
        "\x1b[2J",
        "\x7f",
        "\xed\xa0\x80",
        "\xf0\x9f\x98\x80",
        "\xc3",
        "\t",
        "}",
        ",",
      ]);
  }
  return text;
}

function make(seed: number, number: number): Made {
  const random = new Random(seed, number);
  const isPlain = random.chance(0.2);
  const query = isPlain ? `q${number}z${anyPlain(random)}` : anyBytes(random, 80);
  const secret = random.chance(0.3) ? `&${random.pick(SECRET_NAMES)}=${SECRET}${number}` : "";
  const target = isPlain
    ? `/api/x?${query}`
    : `${random.pick(PATHS)}${random.chance(0.5) ? anyBytes(random, 60) : ""}?${query}${secret}`;
  const fields = [isPlain || random.chance(0.95) ? "Host: h" : `Host: ${anyBytes(random, 20)}`];
  if (!isPlain) {
    for (let i = random.below(3); i > 0; i--)
      fields.push(`${random.pick(SECRET_FIELDS)}: ${SECRET}${anyBytes(random, 9)}`);
    if (random.chance(0.5)) fields.push(`user-AGENT: ${anyBytes(random, 200)}`);
    if (random.chance(0.3)) fields.push(`Referer: https://u:${SECRET}@h/?a=1&Token=${SECRET}&b`);
    if (random.chance(0.2))
      fields.push(`traceparent: ${anyBytes(random, 60)}`, `X-Request-Id: ${anyBytes(random, 90)}`);
  }
  const text = `${isPlain ? "GET" : random.pick(METHODS)} ${target} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`;
  const bytes = Buffer.from(text, "latin1");
  // A mutation may take a name from its value.
  const isMutated = !isPlain && secret === "" && fields.length === 1 && random.chance(0.5);
  return { bytes: isMutated ? mutate(random, bytes) : bytes, query: isPlain ? query : undefined };
}

/** No name of a secret, no percent sign. */
function anyPlain(random: Random): string {
  let text = "";
  for (let i = random.below(300); i > 0; i--)
    text += random.pick(["0", "1", "-", "_", "~", '"', "<", "'", "{", "|", "&", "="]);
  return text;
}

/** Sends it on a connection of its own, and reads until nothing more comes. */
async function send(bytes: Buffer, waitMs: number): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port: ports.device });
  await new Promise<void>((resolve) => {
    let late = setTimeout(resolve, waitMs);
    socket.on("error", () => resolve()).on("close", () => resolve());
    socket.on("data", () => {
      clearTimeout(late);
      late = setTimeout(resolve, 2);
    });
    socket.write(bytes);
  });
  socket.destroy();
}

async function counted(pattern: RegExp): Promise<number> {
  const page = (await ask(ports.admin, get("/metrics"))).body.toString();
  return [...page.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);
}

const TEXT = /^\S+ \S+ (\d{3}|-) \d+B \d+\.\d{3}ms( \w+=[!-~]+| [\w-]+="([^"\\]|\\.)*")*$/;

for (const [format, file] of [
  ["json", await pack(JSON_ROUTES, JSON_TARGET)],
  ["text", await pack(routes({ ...ALL, ...FIELDS }, { metrics: {} }), JSON_TARGET)],
] as const) {
  test(`${REQUESTS} requests of any bytes: ${format} lines`, async (context) => {
    const logged = await Logged.pipe(file).serving();
    const queries = new Set<string>();
    let number = 0;
    const lane = async (): Promise<void> => {
      while (number < REQUESTS) {
        const { bytes, query } = make(SEED, number++);
        if (query !== undefined) queries.add(query);
        await send(bytes, query === undefined ? WAIT_MS : PLAIN_WAIT_MS);
        if (number % 50 === 0) logged.output;
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    await sleep(300);
    const requests = await counted(/^http_requests_total\{.*\} (\d+)$/gm);
    const lines = await logged.lines(requests);
    assert.equal(lines.length, requests);
    assert.equal(await counted(/^gateway_log_lines_total (\d+)$/gm), requests);
    assert.match(logged.output, /^[\n -~]*$/);
    assert.deepEqual(
      lines.filter((line) => line.includes(SECRET)),
      [],
    );
    if (format === "text")
      assert.deepEqual(
        lines.filter((line) => !TEXT.test(line)),
        [],
      );
    else {
      for (const line of lines) {
        const { "url.query": query } = JSON.parse(line);
        queries.delete(query);
      }
      assert.deepEqual([...queries], [], "plain queries that are not shown as they are");
    }
    // uWebSockets.js refuses the others itself.
    assert.ok(requests > REQUESTS / 5, `${requests}`);
    context.diagnostic(`${requests} requests of ${REQUESTS} were read as such`);
    await logged.stop();
  });
}
