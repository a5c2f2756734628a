/** What happens to fields on the way: hop-by-hop ones go, forwarding ones are ours, the others pass unchanged. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, device, fieldOf, GATEWAY, get, head, linesOf, ok, origin, ports } from "../harness.ts";

const upstream = await origin(ports.origin);
await device(GATEWAY);

/** Names the origin saw, lower case. */
function seenNames(): string[] {
  return upstream.requests[0]!.fields.map(([name]) => name.toLowerCase());
}

test("hop-by-hop fields of a request stay on their hop, those named in Connection too", async () => {
  upstream.script((_, connection) => connection.send(ok("")));
  await ask(
    ports.device,
    get(
      "/api/x",
      "X-First: named before",
      "Connection: keep-alive, X-First , x-second",
      "X-Second: named after",
      "Keep-Alive: timeout=5",
      "Proxy-Connection: keep-alive",
      "Proxy-Authorization: Basic c2VjcmV0",
      "TE: trailers",
      "Trailer: X-Sum",
      "Upgrade: h2c",
      "X-Third: stays",
    ),
  );
  assert.deepEqual(
    seenNames().filter((name) => !name.startsWith("x-forwarded-")),
    ["host", "x-third", "x-real-ip", "via"],
  );
});

test("hop-by-hop fields of an answer stay on their hop, those named in Connection too", async () => {
  upstream.script((_, connection) =>
    connection.send(
      ok(
        "",
        "X-First: named before",
        "Connection: keep-alive, x-first,X-SECOND",
        "X-Second: named after",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "Proxy-Authenticate: Basic",
        "TE: trailers",
        "Trailer: X-Sum",
        "Upgrade: h2c",
        "X-Third: stays",
        "Set-Cookie: a=1",
        "Set-Cookie: b=2",
      ),
    ),
  );
  const answer = await ask(ports.device, get("/api/x"));
  assert.deepEqual(
    linesOf(answer)
      .slice(1)
      .filter((line) => !line.startsWith("Date: "))
      .sort(),
    ["Content-Length: 0", "Set-Cookie: a=1", "Set-Cookie: b=2", "X-Third: stays", "via: 1.1 edge"],
  );
});

test("Content-Length, Transfer-Encoding or Host named in Connection is refused, and so is what others rely on", async () => {
  upstream.script((_, connection) => connection.send(ok("")));
  for (const name of ["Host", "Content-Length", "Transfer-Encoding", "Authorization", "X-Forwarded-For", "x-real-ip"]) {
    const answer = await ask(ports.device, get("/api/x", `Connection: close, ${name}`, "Authorization: Bearer t"));
    assert.equal(answer.status, 400, name);
  }
  assert.equal(upstream.requests.length, 0);
});

test("the client's own forwarding fields are replaced by what its socket says", async () => {
  upstream.script((_, connection) => connection.send(ok("")));
  await ask(
    ports.device,
    "GET /api/x HTTP/1.1\r\nHost: Device.Example:8080\r\nX-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 7.7.7.7\r\n" +
      "X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nX-Real-IP: 6.6.6.6\r\n" +
      "Forwarded: for=6.6.6.6\r\n\r\n",
  );
  const [seen] = upstream.requests;
  assert.equal(fieldOf(seen!, "host"), "Device.Example:8080");
  assert.equal(fieldOf(seen!, "x-forwarded-for"), "127.0.0.1");
  assert.equal(fieldOf(seen!, "x-real-ip"), "127.0.0.1");
  assert.equal(fieldOf(seen!, "x-forwarded-proto"), "http");
  assert.equal(fieldOf(seen!, "x-forwarded-host"), "Device.Example:8080");
  assert.equal(fieldOf(seen!, "x-forwarded-port"), undefined);
  assert.equal(fieldOf(seen!, "forwarded"), undefined);
});

test("Via is added behind those of earlier proxies, both ways", async () => {
  upstream.script((_, connection) => connection.send(ok("", "Via: 1.1 behind")));
  const answer = await ask(ports.device, get("/api/x", "Via: 1.0 before"));
  const via = (message: { fields: readonly (readonly [string, string])[] }): string[] =>
    message.fields.filter(([name]) => name.toLowerCase() === "via").map(([, value]) => value);
  assert.deepEqual(via(upstream.requests[0]!), ["1.0 before", "1.1 edge"]);
  assert.deepEqual(via(answer), ["1.1 behind", "1.1 edge"]);
});

test("Expect: 100-continue is answered at once and not passed on", async () => {
  upstream.script((_, connection) => connection.send(ok("")));
  const { Client } = await import("../harness.ts");
  const client = await Client.open(ports.device);
  client.send(head("POST /api/x", "Content-Length: 2", "Expect: 100-continue"));
  assert.equal((await client.answer()).status, 100);
  assert.equal((await client.send("hi").answer()).status, 200);
  assert.equal(fieldOf(upstream.requests[0]!, "expect"), undefined);
  assert.equal(upstream.requests[0]!.body.toString(), "hi");
  client.close();
});

test("values in UTF-8 and Latin-1 fields of an answer pass byte for byte", async () => {
  upstream.script((_, connection) => connection.send(ok("", "X-Name: caf\xe9")));
  assert.equal(fieldOf(await ask(ports.device, get("/api/x")), "x-name"), "caf\xe9");
  await ask(ports.device, Buffer.from(get("/api/x", "X-Name: a café b"), "utf8"));
  const value = fieldOf(upstream.requests.at(-1)!, "x-name")!;
  assert.equal(Buffer.from(value, "latin1").toString("utf8"), "a café b");
});

test("a field with a control byte is refused", async () => {
  upstream.script((_, connection) => connection.send(ok("")));
  const answer = await ask(ports.device, get("/api/x", "X-Name: a\x7fb"));
  assert.equal(answer.status, 400);
  assert.equal(upstream.requests.length, 0);
});
