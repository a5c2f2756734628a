/** Origins that close after every answer, or are restarted under load: clients with replayable requests see nothing of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../harness/held.ts";
import type { OriginConnection } from "../harness/origin.ts";
import { Client, device, fieldOf, get, type Origin, ok, origin, ports } from "../harness.ts";

const REQUESTS = 10_000;
const CLIENTS = 16;
const RESTARTS = 10;
const UP_MS = 150;
const DOWN_MS = 50;

function at(...list: number[]): object {
  return {
    endpoints: list.map((port) => ({ url: `http://127.0.0.1:${port}` })),
    connections: { max: CLIENTS, max_idle: CLIENTS },
  };
}

await device({
  version: 1,
  name: "churn",
  upstreams: { one: at(ports.origin), two: at(ports.origin, ports.secondOrigin) },
  routes: [
    { name: "one", match: { path: "/one/*" }, upstream: "one" },
    { name: "two", match: { path: "/two/*" }, upstream: "two" },
  ],
});
const first = await origin(ports.origin);

/** @param ask one request on this connection; false when the client is to open another */
async function runClients(wanted: () => boolean, ask: (client: Client) => Promise<boolean>): Promise<void> {
  const run = async (): Promise<void> => {
    let client: Client | undefined;
    while (wanted()) {
      client ??= await Client.open(ports.device);
      if (await ask(client)) continue;
      client.close();
      client = undefined;
    }
    client?.close();
  };
  await Promise.all(Array.from({ length: CLIENTS }, run));
}

for (const says of [true, false]) {
  test(`${REQUESTS} GETs, each connection closed after its answer, ${says ? "announced" : "unannounced"}`, async () => {
    first.script(async (_, connection) => {
      await connection.send(ok("x", ...(says ? ["Connection: close"] : [])));
      connection.end();
    });
    let asked = 0;
    let answered = 0;
    await runClients(
      () => asked < REQUESTS,
      async (client) => {
        asked += 1;
        const answer = await client.send(get(`/one/${asked}`)).answer();
        assert.equal(answer.status, 200, answer.head);
        answered += 1;
        return fieldOf(answer, "connection") !== "close";
      },
    );
    assert.equal(answered, asked);
  });
}

/** Answers a little later, so that some requests are always in flight; while it is held, not at all. */
class Slow {
  /** Answered when it is let go. */
  private held: (() => void)[] | undefined;
  private readonly unanswered = new Set<OriginConnection>();

  constructor(started: Origin) {
    started.script(async (request, connection) => {
      this.unanswered.add(connection);
      await new Promise<void>((resolve) => {
        if (this.held === undefined) setTimeout(resolve, 5);
        else this.held.push(resolve);
      });
      this.unanswered.delete(connection);
      await connection.send(ok(request.target));
    });
  }

  get inFlight(): number {
    return [...this.unanswered].filter(({ socket }) => !socket.destroyed).length;
  }

  hold(): void {
    this.held = [];
  }

  letGo(): void {
    for (const answer of this.held ?? []) answer();
    this.held = undefined;
  }
}

test(`one of two origins restarted ${RESTARTS} times under load`, async () => {
  const second = await origin(ports.secondOrigin);
  const [, slow] = [first, second].map((started) => new Slow(started)) as [Slow, Slow];
  slow.hold();
  let running = true;
  let asked = 0;
  let answered = 0;
  let cut = 0;
  const load = runClients(
    () => running,
    async (client) => {
      asked += 1;
      const target = `/two/${asked}`;
      const answer = await client.send(get(target)).answer();
      assert.equal(answer.status, 200, answer.head);
      assert.equal(answer.body.toString(), target);
      answered += 1;
      return fieldOf(answer, "connection") !== "close";
    },
  );
  const restarts = async (): Promise<void> => {
    for (let i = 0; i < RESTARTS; i++) {
      // From then on the gateway has a connection for each of them and opens no more. On one that has served nothing yet
      // nobody could tell a restart from a request that kills the origin.
      await until(() => slow.inFlight === CLIENTS, "every client at the second origin");
      slow.letGo();
      await new Promise((resolve) => setTimeout(resolve, UP_MS));
      cut += slow.inFlight;
      await second.kill();
      await new Promise((resolve) => setTimeout(resolve, DOWN_MS));
      slow.hold();
      await second.listen();
    }
  };
  try {
    await Promise.race([load, restarts()]);
  } finally {
    running = false;
    slow.letGo();
  }
  await load;
  console.log(`${answered} answered, ${cut} of them in flight at ${RESTARTS} kills`);
  assert.ok(answered > 1000, `${answered} answered`);
  assert.ok(cut >= RESTARTS, `${cut} in flight`);
});
