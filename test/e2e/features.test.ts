/** The three features on the packed binary: fixed answers, fields set and removed, rewritten paths; and routing by host. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, Client, device, fieldOf, get, head, ok, origin, ports } from "../harness.ts";

const upstream = await origin(ports.origin);
await device({
  version: 1,
  name: "featured",
  defaults: {
    hosts: ["device.example", "127.0.0.1"],
    request_headers: { set: { "X-Request-Id": "{request.id}" }, remove: ["X-Secret"] },
    response_headers: { remove: ["Server"] },
  },
  upstreams: { api: { endpoints: [{ url: `http://127.0.0.1:${ports.origin}` }] } },
  routes: [
    { name: "ping", match: { path: "/ping", methods: ["GET"] }, respond: { status: 200, body: "pong\n" } },
    {
      name: "gone",
      match: { path: "/v0/*" },
      respond: { status: 410, body: '{"use":"/v1"}', content_type: "application/json" },
      response_headers: { set: { "X-Path": "{path}" } },
    },
    { name: "nothing", match: { path: "/nothing" }, respond: { status: 204 } },
    {
      name: "plc",
      match: { path: "/plc/*" },
      upstream: "api",
      rewrite: { strip_prefix: "/plc" },
      request_headers: {
        set: {
          "X-All": "{client.ip} {host} {method} {path} {query} {scheme} {route} {upstream} {{literal}}",
          "X-Agent": "gateway",
        },
        add: { "X-Tag": "ours" },
      },
      response_headers: {
        set: { "Cache-Control": "no-store", "X-Id": "{request.id}" },
        add: { Link: "</help>; rel=help" },
      },
    },
    {
      name: "old",
      match: { path: "/old/*" },
      upstream: "api",
      rewrite: { replace_prefix: { from: "/old", to: "/new" } },
    },
    { name: "other-host", match: { path: "/ping" }, hosts: ["other.example"], upstream: "api" },
  ],
});

function on(host: string, start: string, ...fields: string[]): string {
  return head(start, ...fields).replace("Host: localhost", `Host: ${host}`);
}

test("respond answers without any upstream, GET and HEAD on one connection", async () => {
  upstream.script((_, connection) => connection.send(ok("upstream")));
  const client = await Client.open(ports.device);
  const pong = await client.send(on("device.example", "GET /ping")).answer();
  assert.equal(pong.status, 200);
  assert.equal(fieldOf(pong, "content-type"), "text/plain; charset=utf-8");
  assert.equal(pong.body.toString(), "pong\n");
  const bare = await client.send(on("device.example", "HEAD /ping")).answer("HEAD");
  assert.equal(fieldOf(bare, "content-length"), "5");
  const gone = await client.send(on("device.example", "GET /v0/a")).answer();
  assert.equal(gone.status, 410);
  assert.equal(fieldOf(gone, "content-type"), "application/json");
  assert.equal(fieldOf(gone, "x-path"), "/v0/a");
  assert.equal(gone.body.toString(), '{"use":"/v1"}');
  const nothing = await client.send(on("device.example", "GET /nothing")).answer();
  assert.equal(nothing.status, 204);
  assert.equal((await client.send(on("device.example", "GET /ping")).answer()).body.toString(), "pong\n");
  assert.deepEqual(upstream.requests, []);
});

test("respond to a request with a body never makes a request of what is behind it", async () => {
  upstream.script((_, connection) => connection.send(ok("upstream")));
  const hidden = on("device.example", "GET /old/hidden");
  for (const framing of ["Transfer-Encoding: chunked", "Content-Length: 5"]) {
    const body = framing.startsWith("T") ? "5\r\nhello\r\n0\r\n\r\n" : "hello";
    const client = await Client.open(ports.device);
    client.send(on("device.example", "POST /v0/a", framing) + body);
    assert.equal((await client.answer()).status, 410, framing);
    client.send(hidden);
    assert.equal((await client.ended()).rest.length, 0, framing);

    // A pipelined request closes the connection, with or without the first one's answer.
    const pipelining = await Client.open(ports.device);
    const { rest } = await pipelining.send(on("device.example", "POST /v0/a", framing) + body + hidden).ended();
    assert.doesNotMatch(rest.toString(), /HTTP\/1\.1 200/, framing);
  }
  assert.deepEqual(upstream.requests, []);
});

test("request fields are set, added and removed, placeholders filled", async () => {
  upstream.script((_, connection) => connection.send(ok("")));
  await ask(
    ports.device,
    on(
      "Device.Example:80",
      "GET /plc/tags/7?a=1",
      "X-Agent: client",
      "X-Tag: theirs",
      "X-Secret: s",
      "X-Request-Id: 1",
      "X-All: 2",
    ),
  );
  const [seen] = upstream.requests;
  assert.equal(fieldOf(seen!, "x-all"), "127.0.0.1 Device.Example:80 GET /tags/7 a=1 http plc api {literal}");
  assert.equal(fieldOf(seen!, "x-agent"), "gateway");
  assert.deepEqual(
    seen!.fields.filter(([name]) => name.toLowerCase() === "x-tag").map(([, value]) => value),
    ["theirs", "ours"],
  );
  assert.equal(fieldOf(seen!, "x-secret"), undefined);
  assert.match(fieldOf(seen!, "x-request-id")!, /^[0-9a-f]{32}$/);
});

test("answer fields are set, added and removed; the request's id is the same on both sides and new for each", async () => {
  upstream.script((_, connection) =>
    connection.send(ok("", "Server: secret/1", "cache-control: public", "Link: </a>; rel=a", "X-Id: theirs")),
  );
  const ids = new Set<string>();
  for (let i = 0; i < 100; i++) {
    const answer = await ask(ports.device, on("device.example", "GET /plc/x"));
    assert.equal(fieldOf(answer, "server"), undefined);
    assert.equal(fieldOf(answer, "cache-control"), "no-store");
    assert.deepEqual(
      answer.fields.filter(([name]) => name.toLowerCase() === "link").map(([, value]) => value),
      ["</a>; rel=a", "</help>; rel=help"],
    );
    assert.equal(fieldOf(answer, "x-id"), fieldOf(upstream.requests.at(-1)!, "x-request-id"));
    ids.add(fieldOf(answer, "x-id")!);
  }
  assert.equal(ids.size, 100);
});

test("rewrite changes the path's start and leaves the query", async () => {
  upstream.script((request, connection) => connection.send(ok(request.target)));
  const rewritten: [string, string][] = [
    ["/plc/tags/7?x=/plc", "/tags/7?x=/plc"],
    ["/plc/", "/"],
    ["/plc/plc/plc", "/plc/plc"],
    ["/old/a%2Db", "/new/a-b"],
    ["/old/", "/new/"],
  ];
  for (const [path, seen] of rewritten) {
    assert.equal((await ask(ports.device, on("device.example", `GET ${path}`))).body.toString(), seen, path);
  }
});

test("hosts select routes, whatever their case and port; others are 421", async () => {
  upstream.script((_, connection) => connection.send(ok("other")));
  assert.equal((await ask(ports.device, on("DEVICE.example:8080", "GET /ping"))).body.toString(), "pong\n");
  assert.equal((await ask(ports.device, on("other.example", "GET /ping"))).body.toString(), "other");
  assert.equal((await ask(ports.device, on("other.example.", "GET /ping"))).body.toString(), "other");
  for (const host of ["evil.example", "device.example.evil.example", "xdevice.example", "localhost", "[::1]"]) {
    const answer = await ask(ports.device, on(host, "GET /ping"));
    assert.equal(answer.status, 421, host);
    assert.equal(JSON.parse(answer.body.toString()).code, "unknown_host");
  }
  assert.equal((await ask(ports.device, on("other.example", "GET /v0/x"))).status, 404, "a host's routes are its own");
});

test("a field that the gateway sets cannot be dropped by naming it in Connection", async () => {
  upstream.script((_, connection) => connection.send(ok("")));
  const answer = await ask(
    ports.device,
    get("/plc/x", "Connection: close, X-Agent").replace("localhost", "device.example"),
  );
  assert.equal(answer.status, 400);
  assert.deepEqual(upstream.requests, []);
});
