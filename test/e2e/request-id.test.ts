/** request_id on the packed binary: one id on both sides, whose it is, and on which answers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostTarget } from "../harness/device.ts";
import { OBSERVED, OBSERVED_LISTENERS } from "../harness/observed-gateway.ts";
import { type Answer, ask, Client, device, fieldOf, get, head, ok, origin, ports } from "../harness.ts";

const OURS = /^[0-9a-f]{32}$/;
const TRUSTED = ports.otherDevice;

const api = await origin(ports.origin);
await device(OBSERVED, hostTarget({ listeners: OBSERVED_LISTENERS }));
api.script((_, connection) => connection.send(ok("ok", "X-Request-Id: theirs")));

/** The id, the same in all places. */
async function idOf(port: number, ...fields: string[]): Promise<string> {
  const answer = await ask(port, get("/api/x", ...fields));
  const id = fieldOf(answer, "x-request-id");
  assert.equal(fieldOf(answer, "x-same"), id, "{request.id} is another one");
  assert.equal(fieldOf(api.requests.at(-1)!, "x-request-id"), id, "the upstream got another one");
  return id ?? "";
}

test("without a word from the client, and whatever one says who is not trusted, the id is ours and new", async () => {
  const ids = new Set<string>();
  for (let i = 0; i < 200; i++) {
    const id = await idOf(i % 2 === 0 ? ports.device : TRUSTED);
    assert.match(id, OURS);
    ids.add(id);
  }
  assert.equal(ids.size, 200);
  assert.match(await idOf(ports.device, "X-Request-Id: mine"), OURS);
});

for (const id of ["1", "a".repeat(64), "3f0b7c1e-9a52-4f4e-8d0f-2a8e1b6c7d90", "Root=1-67891233:a/b+c@d.e_f"]) {
  test(`a trusted client's id is kept: ${id}`, async () => {
    assert.equal(await idOf(TRUSTED, `X-Request-Id: ${id}`), id);
    assert.equal(await idOf(TRUSTED, `x-REQUEST-id:   ${id}  `), id);
  });
}

test("nothing is left of the request before; a head that is read twice has one id", async () => {
  assert.equal(await idOf(TRUSTED, "X-Request-Id: once"), "once");
  assert.match(await idOf(TRUSTED), OURS);
  assert.equal(await idOf(TRUSTED, "X-A: 1", "X-Request-Id: twice", "Connection: X-A"), "twice");
});

const REPLACED: readonly (readonly [string, ...string[]])[] = [
  ["too long", `X-Request-Id: ${"a".repeat(65)}`],
  ["empty", "X-Request-Id: "],
  ["two in one field", "X-Request-Id: a, b"],
  ["a blank", "X-Request-Id: a b"],
  ["a quote", 'X-Request-Id: a"b'],
  ["a backslash", "X-Request-Id: a\\b"],
  ["what a shell would run", "X-Request-Id: $(id)"],
  ["other letters", `X-Request-Id: ${Buffer.from("é").toString("latin1")}`],
  ["two fields", "X-Request-Id: a", "X-Request-Id: b"],
  ["two fields that say the same", "X-Request-Id: a", "X-Request-Id: a"],
];
for (const [what, ...fields] of REPLACED) {
  test(`what is no id is replaced, from trusted clients too: ${what}`, async () => {
    assert.match(await idOf(TRUSTED, ...fields), OURS);
  });
}

const REFUSALS: readonly (readonly [number, string])[] = [
  [404, get("/nowhere")],
  [405, head("GET /small")],
  [400, get("/api/../x")],
  [400, get("/api/x", "Connection: X-Request-Id")],
  [400, head("POST /api/x", "Content-Length: 5", "Content-Length: 6")],
  [413, head("POST /small", "Content-Length: 17")],
  [417, get("/api/x", "Expect: a miracle")],
  [501, head("TRACE /api/x")],
  [502, get("/late/x")],
  [200, get("/pong")],
  [204, get("/nothing")],
  [204, head("OPTIONS /api/x", "Max-Forwards: 0")],
];
for (const [status, request] of REFUSALS) {
  const start = request.split("\r\n")[0];
  test(`an answer of the gateway's own has the id, too: ${status} to ${start}`, async () => {
    const answer = await ask(ports.device, request);
    assert.equal(answer.status, status);
    assert.match(fieldOf(answer, "x-request-id")!, OURS);
    const mine = await ask(TRUSTED, request.replace("\r\n\r\n", "\r\nX-Request-Id: mine-1\r\n\r\n"));
    assert.equal(mine.status, status);
    assert.equal(fieldOf(mine, "x-request-id"), "mine-1");
  });
}

test("refusals that wait for their turn keep their own ids", async () => {
  const refusals = Array.from({ length: 32 }, async (_, i): Promise<[string, Answer]> => {
    const client = await Client.open(i % 2 === 0 ? TRUSTED : ports.device);
    client.send(head("POST /small", "Content-Length: 99", `X-Request-Id: r-${i}`));
    return [`r-${i}`, await client.answer()];
  });
  const seen = new Set<string>();
  for (const [i, [sent, answer]] of (await Promise.all(refusals)).entries()) {
    const id = fieldOf(answer, "x-request-id")!;
    if (i % 2 === 0) assert.equal(id, sent);
    else assert.match(id, OURS);
    seen.add(id);
  }
  assert.equal(seen.size, 32);
});
