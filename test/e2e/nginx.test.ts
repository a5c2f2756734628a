/** The packed binary in front of a real nginx. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import {
  ask,
  Client,
  device,
  fieldOf,
  GATEWAY,
  get,
  head,
  nginx,
  nginxVersion,
  ports,
  skipWithoutNginx,
} from "../harness.ts";

suite(`in front of ${nginxVersion()}`, { skip: skipWithoutNginx }, async () => {
  const folder = skipWithoutNginx ? "" : await nginx(ports.nginx);
  if (!skipWithoutNginx) await device(GATEWAY);

  function sha256(bytes: Buffer): string {
    return createHash("sha256").update(bytes).digest("hex");
  }

  test("a small file, its validators and its 304", async () => {
    writeFileSync(join(folder, "small.txt"), "forty-two\n");
    const answer = await ask(ports.device, get("/files/small.txt"));
    assert.equal(answer.status, 200);
    assert.equal(answer.body.toString(), "forty-two\n");
    const unchanged = await ask(ports.device, get("/files/small.txt", `If-None-Match: ${fieldOf(answer, "etag")}`));
    assert.equal(unchanged.status, 304);
    assert.equal(fieldOf(unchanged, "etag"), fieldOf(answer, "etag"));
  });

  test("HEAD, a range and a 404 of its own on one connection", async () => {
    writeFileSync(join(folder, "small.txt"), "forty-two\n");
    const client = await Client.open(ports.device);
    const bare = await client.send(head("HEAD /files/small.txt")).answer("HEAD");
    assert.equal(fieldOf(bare, "content-length"), "10");
    const part = await client.send(get("/files/small.txt", "Range: bytes=0-4")).answer();
    assert.equal(part.status, 206);
    assert.equal(part.body.toString(), "forty");
    const missing = await client.send(get("/files/none")).answer();
    assert.equal(missing.status, 404);
    assert.match(fieldOf(missing, "server")!, /^nginx/);
  });

  test("64 MB down and up with equal SHA-256", async () => {
    const body = randomBytes(64 << 20);
    writeFileSync(join(folder, "down.bin"), body);
    const answer = await ask(ports.device, get("/files/down.bin"));
    assert.equal(sha256(answer.body), sha256(body));

    const framed = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n0\r\n\r\n")]);
    const uploads: [string, string, Buffer][] = [
      ["length.bin", `Content-Length: ${body.length}`, body],
      ["chunked.bin", "Transfer-Encoding: chunked", framed],
    ];
    for (const [name, field, bytes] of uploads) {
      const client = await Client.open(ports.device);
      const put = await client
        .send(head(`PUT /files/${name}`, field))
        .send(bytes)
        .answer();
      assert.equal(put.status, 201);
      assert.equal(sha256(readFileSync(join(folder, name))), sha256(body), name);
      client.close();
    }
  });
});
