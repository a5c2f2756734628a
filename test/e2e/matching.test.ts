/**
 * Routes told apart by listener, host, fields and query on the packed binary. Whatever a condition has read and comes
 * twice is refused, since the upstream might go by the other one.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, device, fieldOf, hostTarget, ok, origin, ports } from "../harness.ts";

const upstream = await origin(ports.origin);
const says = (body: string) => ({ respond: { status: 200, body } });
await device(
  {
    version: 1,
    name: "matching",
    defaults: { hosts: ["gw.test"] },
    upstreams: { api: { endpoints: [{ url: `http://127.0.0.1:${ports.origin}` }] } },
    routes: [
      { name: "any", match: { path: "/r/*" }, hosts: ["*.example.net"], ...says("wildcard") },
      { name: "sub", match: { path: "/r/*" }, hosts: ["*.b.example.net"], ...says("longer wildcard") },
      { name: "one", match: { path: "/r/*" }, hosts: ["a.b.example.net", "gw.test"], ...says("name") },
      { name: "both", match: { path: "/where" }, ...says("public") },
      { name: "lan", match: { path: "/where" }, listeners: ["lan"], ...says("lan") },
      { name: "plc", match: { path: "/plc" }, listeners: ["lan"], hosts: ["plc.test"], ...says("plc") },
      { name: "v1", match: { path: "/api" }, upstream: "api" },
      { name: "v2", match: { path: "/api", headers: { "X-Api-Version": "2" } }, ...says("v2") },
      { name: "beta", match: { path: "/api", headers: { "X-Api-Version": { prefix: "3." } } }, ...says("beta") },
      {
        name: "debug",
        match: { path: "/api", headers: { "X-Debug": { present: true }, "X-Api-Version": "2" } },
        ...says("debug"),
      },
      { name: "old", match: { path: "/search", query: { api: { present: false } } }, ...says("old") },
      { name: "new", match: { path: "/search", query: { api: "2" } }, ...says("new") },
      { name: "pattern", match: { path_regex: "/v[0-9]+/(status|health)" }, ...says("pattern") },
    ],
  },
  hostTarget({
    listeners: {
      public: { address: `127.0.0.1:${ports.device}` },
      lan: { address: `127.0.0.1:${ports.otherDevice}` },
    },
  }),
);

/** What the route says, or the problem's code. */
async function said(
  target: string,
  { host = "gw.test", fields = "", port = ports.device as number } = {},
): Promise<string> {
  const answer = await ask(port, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`);
  const body = answer.body.toString();
  return fieldOf(answer, "content-type") === "application/problem+json"
    ? `${answer.status} ${JSON.parse(body).code}`
    : body;
}

test("hosts: the name, then the longer wildcard, then the shorter one", async () => {
  const on = (host: string) => said("/r/x", { host });
  assert.equal(await on("x.example.net"), "wildcard");
  assert.equal(await on("y.x.EXAMPLE.net:8080"), "wildcard");
  assert.equal(await on("x.b.example.net"), "longer wildcard");
  assert.equal(await on("b.example.net"), "wildcard");
  assert.equal(await on("a.b.example.net."), "name");
  for (const host of ["example.net", ".example.net", "xexample.net", "x.example.net.evil.test"])
    assert.equal(await on(host), "421 unknown_host", host);
});

test("listeners: a route and its host are only where it says", async () => {
  const lan = { port: ports.otherDevice };
  assert.equal(await said("/where"), "public");
  assert.equal(await said("/where", lan), "lan");
  assert.equal(await said("/plc", { ...lan, host: "plc.test" }), "plc");
  assert.equal(await said("/plc", { host: "plc.test" }), "421 unknown_host");
  assert.equal(await said("/plc"), "404 no_route");
});

test("fields: a value, a prefix, or that it is there; more conditions go first", async () => {
  upstream.script((_, connection) => connection.send(ok("upstream")));
  const withFields = (fields: string) => said("/api", { fields });
  assert.equal(await withFields(""), "upstream");
  assert.equal(await withFields("x-api-version: 2\r\n"), "v2");
  assert.equal(await withFields("X-API-Version: 22\r\n"), "upstream");
  assert.equal(await withFields("X-Api-Version: 3.1\r\n"), "beta");
  assert.equal(await withFields("X-Debug: 1\r\nX-Api-Version: 2\r\n"), "debug");
  assert.equal(await withFields("X-Debug:\r\nX-Api-Version: 2\r\n"), "v2", "an empty field is as if it were not there");
});

test("a field that a condition has read must come once, and not be named in Connection", async () => {
  upstream.script((_, connection) => connection.send(ok("upstream")));
  const two = "X-Api-Version: 2\r\nX-Api-Version: 1\r\n";
  const before = upstream.requests.length;
  assert.equal(await said("/api", { fields: two }), "400 bad_field");
  assert.equal(await said("/api", { fields: "X-Api-Version: 1\r\nx-api-version: 2\r\n" }), "400 bad_field");
  assert.equal(await said("/api", { fields: "X-Api-Version:\r\nX-Api-Version: 2\r\n" }), "400 bad_field");
  assert.equal(await said("/api", { fields: "X-Api-Version: 2\r\nConnection: x-api-version\r\n" }), "400 bad_field");
  assert.equal(upstream.requests.length, before);
  assert.equal(await said("/where", { fields: two }), "public", "no condition has read it");
});

test("the query: percent-decoded once; a parameter that a condition has read must come once", async () => {
  assert.equal(await said("/search"), "old");
  assert.equal(await said("/search?q=1&q=2"), "old");
  assert.equal(await said("/search?q=1&a%70i=%32"), "new");
  for (const query of ["api=3", "api=2+", "api=%2532", "api"])
    assert.equal(await said(`/search?${query}`), "404 no_route", query);
  for (const query of ["api=2&api=2", "api=2&%61pi=3", "api&x&api"])
    assert.equal(await said(`/search?${query}`), "400 bad_target", query);
});

test("path_regex is held against the whole path in its normal form", async () => {
  for (const path of ["/v1/status", "/v12/health", "/v1/%73tatus"]) assert.equal(await said(path), "pattern", path);
  for (const path of ["/v/status", "/v1/statuses", "/x/v1/status", "/v1/status/"])
    assert.equal(await said(path), "404 no_route", path);
});
