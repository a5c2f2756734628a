/** What one side learns when the other breaks: clients that go, origins that stop, connections that were stale. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, Client, device, Ended, GATEWAY, get, head, ok, origin, ports } from "../harness.ts";

const upstream = await origin(ports.origin);
const gateway = await device(GATEWAY);

async function until(holds: () => boolean, what: string): Promise<void> {
  const limit = Date.now() + 5000;
  while (!holds()) {
    assert.ok(Date.now() < limit, what);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test("a client that goes while it waits cancels the upstream's request, by FIN or RST", async () => {
  for (const go of [(client: Client) => client.close(), (client: Client) => client.reset()]) {
    upstream.script(() => {});
    const client = await Client.open(ports.device);
    client.send(get("/api/x"));
    await until(() => upstream.requests.length === 1, "the origin sees the request");
    const start = performance.now();
    go(client);
    await upstream.connections.at(-1)!.closed;
    assert.ok(performance.now() - start < 500, "at once, not at a timeout");
  }
});

test("a client that goes in the middle of its body or of the answer cancels the upstream's request", async () => {
  upstream.script(() => {});
  const connections = upstream.connections.length;
  const uploading = await Client.open(ports.device);
  uploading.send(`${head("POST /api/x", "Content-Length: 100")}half`);
  await until(() => upstream.connections.length > connections, "the origin sees the request");
  await new Promise((resolve) => setTimeout(resolve, 20));
  uploading.reset();
  await upstream.connections.at(-1)!.closed;
  assert.deepEqual(upstream.requests, []);

  upstream.script((_, connection) => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"));
  const downloading = await Client.open(ports.device);
  downloading.send(get("/api/x"));
  await until(() => downloading.reader.waiting > 0, "the client sees the answer's beginning");
  downloading.reset();
  await upstream.connections.at(-1)!.closed;
});

test("an origin that fails in the middle of a body cuts the client, whatever the framing", async () => {
  const halves: [string, string][] = [
    ["Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"],
    ["chunked, between chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
    ["chunked, within one", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf"],
    ["chunked, before the trailers' end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n"],
    ["chunked, then malformed", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
  ];
  for (const [what, half] of halves) {
    for (const how of ["FIN", "RST"]) {
      upstream.script(async (_, connection) => {
        await connection.send(half);
        await new Promise((resolve) => setTimeout(resolve, 20));
        if (what.endsWith("malformed")) await connection.send("zz\r\n");
        else if (how === "FIN") connection.end();
        else connection.reset();
      });
      const client = await Client.open(ports.device);
      await assert.rejects(client.send(get("/api/x")).answer(), Ended, `${what}, ${how}`);
      client.close();
    }
  }
});

test("an origin that resets a connection that ends the body cuts the client", async () => {
  upstream.script(async (_, connection) => {
    await connection.send("HTTP/1.1 200 OK\r\n\r\nhalf");
    await new Promise((resolve) => setTimeout(resolve, 20));
    connection.reset();
  });
  const client = await Client.open(ports.device);
  await assert.rejects(client.send(get("/api/x")).answer(), Ended);
});

test("a GET on a connection that the origin has closed meanwhile is sent once more, unseen by the client", async () => {
  await upstream.drop();
  for (const how of ["FIN", "RST"]) {
    upstream.script((_, connection) => connection.send(ok("warm")));
    await ask(ports.device, get("/api/warm"));
    const warm = upstream.connections.at(-1)!;
    upstream.script((_, connection) => {
      if (connection !== warm) return connection.send(ok("second try"));
      return how === "FIN" ? connection.end() : connection.reset();
    });
    assert.equal((await ask(ports.device, get("/api/x"))).body.toString(), "second try", how);
    assert.deepEqual(
      upstream.requests.map(({ target }) => target),
      ["/api/x", "/api/x"],
    );
    await upstream.drop();
  }
});

test("a POST on such a connection is never sent twice", async () => {
  await upstream.drop();
  for (const body of ["", "body"]) {
    upstream.script((_, connection) => connection.send(ok("warm")));
    await ask(ports.device, get("/api/warm"));
    const warm = upstream.connections.at(-1)!;
    upstream.script((_, connection) => (connection === warm ? connection.reset() : connection.send(ok("again"))));
    const answer = await ask(ports.device, `${head("POST /api/x", `Content-Length: ${body.length}`)}${body}`);
    assert.equal(answer.status, 502);
    assert.equal(upstream.requests.length, 1);
    await upstream.drop();
  }
});

test("a GET that an origin has begun to answer is never sent twice", async () => {
  await upstream.drop();
  upstream.script((_, connection) => connection.send(ok("warm")));
  await ask(ports.device, get("/api/warm"));
  upstream.script(async (_, connection) => {
    await connection.send("HTTP/1.1 2");
    await new Promise((resolve) => setTimeout(resolve, 20));
    connection.end();
  });
  assert.equal((await ask(ports.device, get("/api/x"))).status, 502);
  assert.equal(upstream.requests.length, 1);
});

test("an idle connection that the origin closes is not used again: a POST after it succeeds", async () => {
  upstream.script((_, connection) => connection.send(ok("warm")));
  await ask(ports.device, get("/api/warm"));
  await upstream.drop();
  const answer = await ask(ports.device, `${head("POST /api/x", "Content-Length: 4")}body`);
  assert.equal(answer.status, 200);
});

test("after all that nothing is in flight", async () => {
  upstream.script((_, connection) => connection.send(ok("")));
  await ask(ports.device, get("/api/x"));
  await until(() => upstream.openConnections <= 1, "connections of ended exchanges are closed");
  assert.equal(gateway.child.exitCode, null);
});
