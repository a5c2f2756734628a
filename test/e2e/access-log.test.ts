/** access_log through the executable: what lines say and never say, and a reader who has stopped. */
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Held, type HeldRequest, until } from "../harness/held.ts";
import { Logged } from "../harness/logged.ts";
import { ALL, FIELDS, JSON_ROUTES, JSON_TARGET, routes } from "../harness/logged-gateway.ts";
import { ask, Client, fieldOf, get, hostTarget, ok, origin, pack, ports, runFolder } from "../harness.ts";

const upstream = await origin(ports.origin);
const json = await pack(JSON_ROUTES, JSON_TARGET);
const text = await pack(routes({ ...ALL, ...FIELDS }), hostTarget());
const sampled = await pack(routes({ sample: { error: "50%" }, budget: "1024MiB/h" }), hostTarget());

/** With the Host field that it is given. */
function request(start: string, ...fields: string[]): string {
  return [`${start} HTTP/1.1`, ...fields, "", ""].join("\r\n");
}

type Line = Record<string, unknown>;

/** Asks one after the other, and gives the line of each. */
async function linesOf(requests: readonly string[], file = json): Promise<{ logged: Logged; lines: Line[] }> {
  const logged = await Logged.socket(file).serving();
  for (const each of requests) await ask(ports.device, each);
  const lines = await logged.lines(requests.length);
  assert.equal(lines.length, requests.length);
  return { logged, lines: lines.map((line) => JSON.parse(line) as Line) };
}

test("a JSON line says what became of a request, in OpenTelemetry's names", async () => {
  upstream.script((_, connection) => connection.send(ok("hello")));
  const { logged, lines } = await linesOf([
    request("POST /api/a%2db?x=1", "Host: GW.local:80", "User-Agent: pump/2", "Content-Length: 3").concat("abc"),
    get("/dead/7"),
    get("/ping"),
    get("/none"),
    request("GET /", "Host: a b"),
  ]);
  const [first, ...others] = lines;
  const { timestamp, "http.server.request.duration": seconds, "hardwire.upstream.duration": head1, ...all } = first!;
  const { "hardwire.request_id": requestId, trace_id: traceId, ...rest } = all;
  assert.match(String(timestamp), /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Math.abs(Date.parse(String(timestamp)) - Date.now()) < 10_000);
  assert.ok(Number(head1) > 0 && Number(seconds) >= Number(head1) && Number(seconds) < 5);
  assert.equal(requestId, fieldOf(upstream.requests[0]!, "x-request-id"));
  assert.equal(traceId, fieldOf(upstream.requests[0]!, "traceparent")!.split("-")[1]);
  for (const line of lines)
    for (const id of ["hardwire.request_id", "trace_id"]) assert.match(String(line[id]), /^[\da-f]{32}$/);
  assert.deepEqual(rest, {
    severity_text: "INFO",
    "http.request.method": "POST",
    "server.address": "gw.local",
    "url.path": "/api/a-b",
    "url.query": "x=1",
    "client.address": "127.0.0.1",
    "http.response.status_code": 200,
    "http.response.body.size": 5,
    "http.request.body.size": 3,
    "hardwire.route": "api",
    "http.route": "/api/*",
    "hardwire.upstream": "api",
    "hardwire.endpoint": `127.0.0.1:${ports.origin}`,
    "http.request.header.user-agent": ["pump/2"],
  });
  const shown = others.map((line) => [
    line.severity_text,
    line["http.response.status_code"],
    line["hardwire.reason"],
    line["hardwire.route"],
    line["client.address"],
  ]);
  assert.deepEqual(shown, [
    ["WARN", 502, "upstream_refused", "dead", "127.0.0.1"],
    ["INFO", 200, "answered", "ping", "127.0.0.1"],
    ["WARN", 404, "no_route", undefined, "127.0.0.1"],
    ["WARN", 400, "bad_host", undefined, "127.0.0.1"],
  ]);
  await logged.stop();
});

test("an answer to HEAD has no bytes, whoever gave it", async () => {
  upstream.script((_, connection) => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
  const { logged, lines } = await linesOf(
    ["/api/x", "/ping", "/none"].map((path) => request(`HEAD ${path}`, "Host: h")),
  );
  assert.deepEqual(
    lines.map((line) => [line["http.response.status_code"], line["http.response.body.size"]]),
    [
      [200, 0],
      [200, 0],
      [404, 0],
    ],
  );
  await logged.stop();
});

test("clients that leave, answers that break off, and what was tried again", async () => {
  const logged = await Logged.socket(json).serving();
  let asked = 0;
  upstream.script(async (_, connection) => {
    asked += 1;
    if (asked === 1) return;
    await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    connection.reset();
  });
  const leaving = await Client.open(ports.device);
  leaving.send(get("/api/x"));
  await until(() => asked === 1, "the request at the upstream");
  leaving.close();
  const [left] = await logged.lines(1);
  const broken = await Client.open(ports.device);
  await broken.send(get("/api/x")).ended();
  const [, cut] = await logged.lines(2);
  const told = [left, cut].map((line) => JSON.parse(line!) as Line);
  assert.deepEqual(
    told.map((line) => [line["hardwire.ended"], line.severity_text, line["hardwire.reason"]]),
    [
      ["client_closed", "INFO", undefined],
      ["cut", "WARN", "upstream_closed"],
    ],
  );
  assert.equal(told[0]!["http.response.status_code"], undefined);
  await upstream.drop();
  await logged.stop();
});

test("no secret is in any line, in either format", async () => {
  upstream.script((_, connection) => connection.send(ok("ok", "Set-Cookie: id=s3cret", "X-Token: s3cret")));
  const fields = [
    "Host: gw.local",
    "Authorization: Bearer s3cret",
    "Cookie: id=s3cret",
    "X-Api-Key: s3cret",
    "Proxy-Authorization: Basic s3cret",
    "Referer: http://joe:s3cret@h/p?token=s3cret",
    "User-Agent: token=s3cret",
  ];
  const targets = [
    "/api/x?token=s3cret&a=1",
    "/api/x?%74oken=s3cret",
    "/api/x?next=http%3A%2F%2Fh%3Faccess_token%3Ds3cret",
    "/api/x?my_ticket=s3cret",
    "/api/joe:s3cret@h/x",
    "/api/x;password=s3cret/y",
    "/api//x?token=s3cret",
    "/none?api_key=s3cret#s3cret",
    `/api/${"x".repeat(600)}?${"y".repeat(500)}&token=s3cret`,
  ];
  for (const file of [json, text]) {
    const logged = await Logged.socket(file).serving();
    for (const target of targets) await ask(ports.device, request(`GET ${target}`, ...fields));
    await ask(ports.device, request("GET /api/x", "Host: joe:s3cret@gw.local", ...fields.slice(1)));
    const lines = await logged.lines(targets.length + 1);
    assert.doesNotMatch(logged.output, /s3cret/i);
    assert.match(lines.join("\n"), /token=REDACTED&a=1/);
    await logged.stop();
  }
});

test("a credential is in no line, whatever field it goes out in", async () => {
  upstream.script((_, connection) => connection.send(ok("ok")));
  const fields = { request_headers: { set: { "X-Tenant": "of {credential.tenant}!", "x-plant": "north" } } };
  const config = { ...routes({ ...ALL, request_headers: ["X-Tenant", "X-Plant"] }), defaults: fields };
  const credentials = mkdtempSync(join(runFolder(), "credentials-"));
  writeFileSync(join(credentials, "tenant"), "s3cret\n");
  const logged = await Logged.socket(await pack(config), { CREDENTIALS_DIRECTORY: credentials }).serving();
  await ask(ports.device, get("/api/x"));
  const [line] = await logged.lines(1);
  assert.equal(fieldOf(upstream.requests[0]!, "x-tenant"), "of s3cret!");
  assert.match(line!, / x-tenant="of REDACTED!" x-plant="north"/);

  // Nor is the one before, of a request that was under way when another was read.
  const held = new Held(upstream);
  const client = (await Client.open(ports.device)).send(get("/api/y"));
  const [{ connection }] = (await held.take(1)) as [HeldRequest];
  writeFileSync(join(credentials, "tenant"), "another\n");
  logged.child.kill("SIGHUP");
  await until(() => /credentials read anew/.test(logged.output), "the new one to be read");
  await connection.send(ok("ok"));
  await client.answer();
  client.close();
  assert.match((await logged.lines(2))[1]!, / x-tenant="of REDACTED!"/);
  await logged.stop();
});

test("fields are shown of a request that no upstream sees, too", async () => {
  const { lines } = await linesOf([get("/ping", "User-Agent: pump/2", "Referer: http://a/")]);
  assert.deepEqual(lines[0]!["http.request.header.user-agent"], ["pump/2"]);
  assert.deepEqual(lines[0]!["http.request.header.referer"], ["http://a/"]);
});

test("what stands in a body is no field", async () => {
  upstream.script((_, connection) => connection.send(ok("ok")));
  const body = "\r\nreferer: of-the-body\r\n";
  const post = (...fields: string[]) => request("POST /api/x", "Host: h", ...fields);
  const { logged, lines } = await linesOf([
    `${post(`Content-Length: ${body.length}`)}${body}`,
    `${post("Transfer-Encoding: chunked")}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  ]);
  for (const line of lines) assert.equal(line["http.request.header.referer"], undefined);
  assert.match(upstream.requests[0]!.raw.toString(), /of-the-body/);
  await logged.stop();
});

test("whatever a request says, its line is one line of visible ASCII", async () => {
  upstream.script((_, connection) => connection.send(ok("ok")));
  const hostile = [
    request("GET /api/x", "Host: h", 'User-Agent: a"b\\c\td <6>logged: forged'),
    Buffer.from(request("GET /api/x", "Host: h", "User-Agent: \u009bé\u202e😀 z"), "utf8"),
    Buffer.from(request("GET /api/x?q=\x80\xff\xe2\x80\xa8", "Host: h"), "latin1"),
    request('GET /api/x"?q="}', "Host: h"),
    request("G{T /api/x", "Host: h"),
    get(`/api/${"a".repeat(900)}?${"b".repeat(900)}`),
  ];
  for (const file of [json, text]) {
    const logged = await Logged.socket(file).serving();
    for (const each of hostile) await ask(ports.device, each).catch(() => {});
    await ask(ports.device, get("/api/last"));
    await until(() => /\/api\/last/.test(logged.output), "the last line");
    assert.match(logged.output, /^[\n -~]*$/);
    const lines = await logged.lines(1);
    if (file === json) for (const line of lines) JSON.parse(line);
    else for (const line of lines) assert.match(line, /^[^ ]+ h?\S* \d{3} \d+B [\d.]+ms /);
    assert.match(logged.output, /a{480,512}\\u2026/);
    await logged.stop();
  }
});

test("where the journal reads, lines have its priorities", async () => {
  const logged = await Logged.file(text).serving();
  await ask(ports.device, get("/ping"));
  await ask(ports.device, get("/none"));
  const lines = await logged.lines(2);
  assert.match(lines[0]!, /^<6>GET \S+\/ping 200 4B [\d.]+ms route=ping reason=answered client=127\.0\.0\.1$/);
  assert.match(lines[1]!, /^<4>GET \S+\/none 404 /);
  assert.match(logged.output, /^<6>logged: listening on /);
  await logged.stop();
});

test("of the requests the share that was asked for has a line, to within 5 %", async () => {
  upstream.script((_, connection) => connection.send(ok("ok")));
  const logged = await Logged.pipe(sampled).serving();
  const client = await Client.open(ports.device);
  const count = 1000;
  for (let i = 0; i < count; i++) {
    for (const path of ["/api/x", "/none"]) {
      client.send(get(path));
      await client.answer();
    }
  }
  client.close();
  await logged.stop();
  const lines = await logged.lines(0);
  const errors = lines.filter((line) => / 404 /.test(line)).length;
  const rest = lines.length - errors;
  assert.ok(Math.abs(errors - count / 2) <= count / 40, `${errors} of ${count} errors at 50%`);
  assert.ok(Math.abs(rest - count / 10) <= count / 200, `${rest} of ${count} others at 10%`);
});

test("what was said before SIGTERM is all there", async () => {
  const logged = await Logged.pipe(text).serving();
  const client = await Client.open(ports.device);
  for (let i = 0; i < 50; i++) {
    client.send(get("/ping"));
    await client.answer();
  }
  client.close();
  await logged.stop();
  assert.equal((await logged.lines(50)).length, 50);
});

for (const kind of ["socket", "pipe"] as const) {
  test(`a reader who has stopped holds up nothing, and hears how much was lost: a ${kind}`, async () => {
    const logged = await Logged[kind](json).serving();
    logged.child.stderr?.pause();
    const client = await Client.open(ports.device);
    const path = `/api/${"a".repeat(500)}?${"b".repeat(500)}`;
    const count = 1500;
    upstream.script((_, connection) => connection.send(ok("ok")));
    let slowestMs = 0;
    for (let i = 0; i < count; i++) {
      const startMs = performance.now();
      client.send(get(path));
      const { status } = await client.answer();
      assert.equal(status, 200);
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
    }
    // A blocked write would never end.
    assert.ok(slowestMs < 1000, `${slowestMs} ms`);
    // Its own words do not wait either.
    logged.child.kill("SIGUSR1");
    client.send(get("/ping"));
    assert.equal((await client.answer()).status, 200);
    client.close();
    logged.child.stderr?.resume();
    await until(() => /log lines lost/.test(logged.output), "what was lost to be told", 10_000);
    await logged.stop();
    const lines = await logged.lines(0);
    for (const line of lines) JSON.parse(line);
    const lost = [...logged.output.matchAll(/(\d+) log lines lost/g)].reduce((sum, [, n]) => sum + Number(n), 0);
    const own = logged.output.split("\n").filter((line) => /^logged: statistics/.test(line)).length;
    assert.ok(lost > 100, `${lost} lost`);
    // SIGUSR1 says at least three lines, of which some may be lost, too.
    const gone = lines.length + lost - (count + 1);
    assert.ok(gone >= 0 && gone + own <= 8, `${lines.length} lines, ${lost} lost, of ${count + 1}`);
  });

  test(`a reader who never comes back does not hold up the end: a ${kind}`, async () => {
    const logged = await Logged[kind](json).serving();
    logged.child.stderr?.pause();
    const client = await Client.open(ports.device);
    for (let i = 0; i < 600; i++) {
      client.send(get(`/none/${"a".repeat(900)}`));
      await client.answer();
    }
    client.close();
    const ms = await logged.stop();
    assert.ok(ms < 2000, `${ms} ms`);
  });
}
