/** An endpoint behind a unix socket: a Node server stands for the service, since that is what such services often are. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, unlinkSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { test } from "node:test";
import { SOCKET_PATH, UPSTREAMS } from "../harness/upstreams-gateway.ts";
import { ask, Client, device, fieldOf, get, head, origin, ports } from "../harness.ts";

await origin(ports.origin);
await device(UPSTREAMS);

const BODY_BYTES = 32 << 20;

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

class Service {
  connections = 0;
  private readonly server: Server;

  static async start(listener: RequestListener): Promise<Service> {
    const service = new Service(listener);
    await new Promise<void>((resolve) => service.server.listen(SOCKET_PATH, resolve));
    return service;
  }

  private constructor(listener: RequestListener) {
    this.server = createServer(listener);
    this.server.on("connection", () => {
      this.connections += 1;
    });
  }

  /** Node removes the socket's file. */
  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

test("no socket file: 502; other routes are served; it is used as soon as it is there", async () => {
  for (let n = 0; n < 2; n++) {
    const answer = await ask(ports.device, get("/socket/x"));
    assert.equal(answer.status, 502);
    assert.equal(JSON.parse(answer.body.toString()).code, "upstream_refused");
    assert.equal((await ask(ports.device, get("/plain/x"))).status, 200);
  }
  const service = await Service.start((_, response) => response.end("here"));
  try {
    assert.equal((await ask(ports.device, get("/socket/x"))).body.toString(), "here");
  } finally {
    await service.stop();
  }
  assert.equal((await ask(ports.device, get("/socket/x"))).status, 502, "and again when it has gone");
});

test("a file that nobody listens on any more: 502", async () => {
  const service = await Service.start((_, response) => response.end("here"));
  await service.stop();
  assert.equal(existsSync(SOCKET_PATH), false);
  // What a service that was killed leaves behind: bound, but not listened on.
  const program = `require("net").createServer().listen(${JSON.stringify(SOCKET_PATH)}, () => process.kill(process.pid, 9))`;
  spawnSync(process.execPath, ["-e", program]);
  assert.equal(existsSync(SOCKET_PATH), true);
  try {
    assert.equal((await ask(ports.device, get("/socket/x"))).status, 502);
  } finally {
    unlinkSync(SOCKET_PATH);
  }
});

test("connections are kept: twenty requests, one connection", async () => {
  const service = await Service.start((request, response) => response.end(request.url));
  try {
    const client = await Client.open(ports.device);
    for (let n = 0; n < 20; n++) {
      const answer = await client.send(get(`/socket/${n}`)).answer();
      assert.equal(answer.body.toString(), `/socket/${n}`);
    }
    assert.equal(service.connections, 1);
    client.close();
  } finally {
    await service.stop();
  }
});

test("a service that is restarted between two requests is not noticed", async () => {
  for (const name of ["old", "new"]) {
    const service = await Service.start((_, response) => response.end(name));
    const answer = await ask(ports.device, get("/socket/x"));
    assert.equal(answer.body.toString(), name);
    await service.stop();
  }
});

for (const framing of ["Content-Length", "chunked"]) {
  test(`32 MB up and down under ${framing}`, async () => {
    const body = randomBytes(BODY_BYTES);
    const service = await Service.start((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        const received = Buffer.concat(parts);
        if (framing === "Content-Length") response.setHeader("Content-Length", received.length);
        response.write(received);
        response.end();
      });
    });
    try {
      const client = await Client.open(ports.device, { waitMs: 30_000 });
      if (framing === "Content-Length") client.send(head("PUT /socket/x", `Content-Length: ${BODY_BYTES}`)).send(body);
      else {
        client.send(head("PUT /socket/x", "Transfer-Encoding: chunked"));
        client
          .send(`${BODY_BYTES.toString(16)}\r\n`)
          .send(body)
          .send("\r\n0\r\n\r\n");
      }
      const answer = await client.answer();
      assert.equal(sha256(answer.body), sha256(body));
      assert.equal(fieldOf(answer, "content-length"), framing === "chunked" ? undefined : String(BODY_BYTES));
      client.close();
    } finally {
      await service.stop();
    }
  });
}
