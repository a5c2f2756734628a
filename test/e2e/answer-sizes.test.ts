/**
 * Answers of every size around the one from which on they are streamed (WHOLE_BYTES_MAX in proxy.ts), framed either way
 * by the upstream: the same bytes, and a connection that goes on or says that it does not.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, device, fieldOf, GATEWAY, get, head, origin, ports } from "../harness.ts";

const SIZES = [0, 1, 16_384, 20_000, 20_300, 20_400, 20_480, 20_481, 21_000, 60_000, 65_300, 65_536, 65_537, 300_000];

const upstream = await origin(ports.origin);
await device(GATEWAY);

function bodyOf(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, i) => 97 + (i % 23)));
}

/** `/api/length/123`, `/api/chunked/123`: in one write. */
upstream.script((request, connection) => {
  const [, framing, size] = /\/(length|chunked)\/(\d+)$/.exec(request.target)!;
  const body = bodyOf(Number(size));
  const start = "HTTP/1.1 200 OK\r\nX-A: b\r\n";
  const bytes =
    framing === "length"
      ? [Buffer.from(`${start}Content-Length: ${size}\r\n\r\n`), body]
      : [
          Buffer.from(
            `${start}Transfer-Encoding: chunked\r\n\r\n${body.length === 0 ? "" : `${body.length.toString(16)}\r\n`}`,
          ),
          body,
          Buffer.from(`${body.length === 0 ? "" : "\r\n"}0\r\n\r\n`),
        ];
  return connection.send(Buffer.concat(bytes));
});

for (const framing of ["length", "chunked"]) {
  test(`${framing}: every size on one connection`, async () => {
    const client = await Client.open(ports.device);
    for (const size of [...SIZES, ...SIZES.toReversed()]) {
      const answer = await client.send(get(`/api/${framing}/${size}`)).answer();
      assert.equal(answer.status, 200);
      assert.ok(answer.body.equals(bodyOf(size)), `${size}: ${answer.body.length} B`);
      assert.equal(fieldOf(answer, "connection"), undefined);
    }
    client.close();
  });

  test(`${framing}: every size as the last of its connection`, async () => {
    for (const size of SIZES) {
      const client = await Client.open(ports.device);
      const answer = await client.send(get(`/api/${framing}/${size}`, "Connection: close")).answer();
      assert.ok(answer.body.equals(bodyOf(size)), `${size}: ${answer.body.length} B`);
      assert.equal(fieldOf(answer, "connection"), "close", String(size));
      assert.equal((await client.ended()).rest.length, 0);
    }
  });

  test(`${framing}: every size before its request's body has come`, async () => {
    for (const size of SIZES) {
      const client = await Client.open(ports.device);
      upstream.onHead = async (request, connection) => {
        if (request.target.endsWith(`/early/${framing}/${size}`)) await upstream.handler(request as never, connection);
      };
      client.send(head(`PUT /upload/early/${framing}/${size}`, "Content-Length: 100000")).send("x".repeat(1000));
      const answer = await client.answer();
      assert.ok(answer.body.equals(bodyOf(size)), `${size}: ${answer.body.length} B`);
      assert.equal(fieldOf(answer, "connection"), "close", String(size));
      client.close();
    }
    upstream.onHead = () => {};
  });
}
