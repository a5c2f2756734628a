/** Origins that close after every answer, or are restarted under load: clients with replayable requests see nothing of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../harness/held.ts";
import { Client, device, fieldOf, get, type Origin, ok, origin, ports } from "../harness.ts";

const REQUESTS = 10_000;
const CLIENTS = 16;
const RESTARTS = 10;
const UP_MS = 150;
const DOWN_MS = 50;

function at(...list: number[]): object {
  return { endpoints: list.map((port) => ({ url: `http://127.0.0.1:${port}` })) };
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

/**
 * Answers a little later, so that some requests are always in flight; notes those that came on a reused connection.
 * @returns how many of its connections have served nothing yet
 */
function serve(started: Origin, reused: Set<string>): () => number {
  const served = new WeakSet<object>();
  started.script(async (request, connection) => {
    if (served.has(connection)) reused.add(request.target);
    await new Promise((resolve) => setTimeout(resolve, 5));
    served.add(connection);
    await connection.send(ok(request.target));
  });
  return () => started.connections.filter((each) => !each.socket.destroyed && !served.has(each)).length;
}

test(`one of two origins restarted ${RESTARTS} times under load`, async () => {
  const second = await origin(ports.secondOrigin);
  const reused = new Set<string>();
  const [, newAtSecond] = [first, second].map((started) => serve(started, reused));
  let running = true;
  let asked = 0;
  let answered = 0;
  let kills = 0;
  const failed: string[] = [];
  const load = runClients(
    () => running,
    async (client) => {
      asked += 1;
      const target = `/two/${asked}`;
      const killsBefore = kills;
      const answer = await client.send(get(target)).answer();
      if (answer.status === 200) {
        assert.equal(answer.body.toString(), target);
        answered += 1;
      } else {
        assert.equal(JSON.parse(answer.body.toString()).code, "upstream_closed", answer.head);
        assert.ok(kills > killsBefore, `${target} was not in flight at a kill`);
        failed.push(target);
      }
      return fieldOf(answer, "connection") !== "close";
    },
  );
  const restarts = async (): Promise<void> => {
    for (let i = 0; i < RESTARTS; i++) {
      await new Promise((resolve) => setTimeout(resolve, UP_MS));
      // On a busy machine that may be too short for its connections to become old ones.
      await until(() => newAtSecond!() === 0, "the second origin's connections in use");
      kills += 1;
      await second.kill();
      await new Promise((resolve) => setTimeout(resolve, DOWN_MS));
      await second.listen();
    }
  };
  try {
    await Promise.race([load, restarts()]);
  } finally {
    running = false;
  }
  await load;
  console.log(`${answered} answered, ${failed.length} failed in flight at ${RESTARTS} kills`);
  assert.ok(answered > 1000, `${answered} answered`);
  // On a connection that had served nothing yet, nobody can tell a restart from a request that kills the origin.
  assert.deepEqual(
    failed.filter((target) => reused.has(target)),
    [],
  );
  assert.ok(failed.length <= RESTARTS / 5, `${failed.length} failed`);
});
