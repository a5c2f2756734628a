/** A path that could be read as another one is refused, so that no route's rules can be walked around. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, device, GATEWAY, get, ok, origin, ports } from "../harness.ts";

const upstream = await origin(ports.origin);
await device(GATEWAY);

const REFUSED = [
  "/public/../admin",
  "/public/..",
  "/public/./x",
  "/public/.",
  "/public/%2e%2e/admin",
  "/public/%2E%2e/admin",
  "/public/.%2e/admin",
  "/public/%2e./admin",
  "/public/%2e/x",
  "//admin",
  "/public//admin",
  "//public/x",
  "/public/..%2fadmin",
  "/public/..%2Fadmin",
  "/public/%2e%2e%2fadmin",
  "/public%2fx",
  "/public/\\admin",
  "/public/..\\admin",
  "/public/%5cadmin",
  "/public/..%5Cadmin",
  "/public/%00",
  "/public/x%00/../admin",
  "/public/%0d%0aX:1",
  "/public/%7f",
  "/public/..;/admin",
  "/public/..;a=b/admin",
  "/public/%2e%2e;/admin",
  "/public/%",
  "/public/%zz",
  "/public/%2",
  "/public/a\xffb",
  '/public/"',
  "/public/<x>",
  "/public/x?a\xff",
];

test("refused paths are answered 400 and never reach an origin", async () => {
  upstream.script((_, connection) => connection.send(ok("reached")));
  for (const path of REFUSED) {
    const answer = await ask(ports.device, get(path));
    assert.equal(answer.status, 400, path);
    assert.equal(JSON.parse(answer.body.toString()).code, "bad_target", path);
  }
  assert.deepEqual(upstream.requests, []);
});

test("what uWebSockets.js refuses by itself never reaches an origin either", async () => {
  upstream.script((_, connection) => connection.send(ok("reached")));
  const { Client } = await import("../harness.ts");
  for (const target of [
    "http://localhost/admin",
    "*",
    "admin",
    "/public/a\x01b",
    "/public/a\tb",
    "/public/../admin HTTP/1.1",
  ]) {
    const client = await Client.open(ports.device);
    client.send(get(target)).socket.end();
    const { rest } = await client.ended();
    assert.doesNotMatch(rest.toString(), /^HTTP\/1\.1 2/, target);
  }
  assert.deepEqual(upstream.requests, []);
});

test("what is forwarded is what was matched: unreserved bytes decoded, other triplets in upper case", async () => {
  upstream.script((request, connection) => connection.send(ok(request.target)));
  const forwarded: [string, string][] = [
    ["/public/a%7Eb", "/public/a~b"],
    ["/p%75blic/x", "/public/x"],
    ["/public/%c3%a9", "/public/%C3%A9"],
    ["/public/a%3bb;c", "/public/a%3Bb;c"],
    ["/public/...", "/public/..."],
    ["/public/..a", "/public/..a"],
    ["/public/x%2ey", "/public/x.y"],
    ["/public/x?../..%2f%00", "/public/x?../..%2f%00"],
    ["/public/", "/public/"],
    ["/public/x/", "/public/x/"],
    ["/public/%25%32%65", "/public/%252e"],
  ];
  for (const [sent, seen] of forwarded) {
    assert.equal((await ask(ports.device, get(sent))).body.toString(), seen, sent);
  }
});

test("no route means no origin", async () => {
  upstream.script((_, connection) => connection.send(ok("reached")));
  for (const path of ["/admin", "/PUBLIC/x", "/publicx", "/things/a/b", "/things/", "/", "/small/"]) {
    assert.equal((await ask(ports.device, get(path))).status, 404, path);
  }
  assert.deepEqual(upstream.requests, []);
});
