/**
 * trace on the packed binary, with the cases of W3C's own test suite (github.com/w3c/trace-context, test/test.py): what
 * is continued, what begins anew, and what becomes of a tracestate.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostTarget } from "../harness/device.ts";
import { OBSERVED, OBSERVED_LISTENERS } from "../harness/observed-gateway.ts";
import { ask, Client, device, fieldOf, get, ok, origin, ports, type Request } from "../harness.ts";

const TRUSTED = ports.otherDevice;
const TRACE = "12345678901234567890123456789012";
const SPAN = "1234567890123456";
const VALID = `00-${TRACE}-${SPAN}-01`;

const api = await origin(ports.origin);
await device(OBSERVED, hostTarget({ listeners: OBSERVED_LISTENERS }));
api.script((_, connection) => connection.send(ok("ok")));

interface Context {
  readonly trace: string;
  readonly span: string;
  readonly flags: string;
  readonly state: string | undefined;
}

/** What the upstream got; exactly one traceparent of version 00. */
function contextOf(request: Request): Context {
  const traceparent = fieldOf(request, "traceparent");
  const parts = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? "");
  assert.ok(parts, `traceparent: ${traceparent}`);
  const [, trace = "", span = "", flags = ""] = parts;
  assert.ok(!/^0+$/.test(trace) && !/^0+$/.test(span));
  return { trace, span, flags, state: fieldOf(request, "tracestate") };
}

async function sent(port: number, ...fields: string[]): Promise<Context> {
  await ask(port, get("/api/x", ...fields));
  return contextOf(api.requests.at(-1)!);
}

function assertBegun(context: Context): void {
  assert.notEqual(context.trace, TRACE);
  assert.equal(context.flags, "02", "not sampled, random");
  assert.equal(context.state, undefined);
}

test("without a traceparent a trace begins, another one for each request", async () => {
  const seen = new Set<string>();
  for (let i = 0; i < 300; i++) {
    const context = await sent(i % 2 === 0 ? TRUSTED : ports.device, "tracestate: a=1");
    assertBegun(context);
    seen.add(context.trace).add(context.span);
  }
  assert.equal(seen.size, 600);
});

test("a valid one is continued with a span of ours", async () => {
  for (const name of ["traceparent", "TraceParent", "TrAcEpArEnT", "TRACEPARENT"]) {
    const context = await sent(TRUSTED, `${name}: ${VALID}`);
    assert.equal(context.trace, TRACE);
    assert.notEqual(context.span, SPAN);
    assert.equal(context.flags, "01");
  }
});

test("of the flags, sampled is believed where the listener is trusted, random everywhere, reserved ones nowhere", async () => {
  for (const [flags, trusted, other] of [
    ["00", "00", "00"],
    ["01", "01", "00"],
    ["02", "02", "02"],
    ["03", "03", "02"],
    ["ff", "03", "02"],
    ["fc", "00", "00"],
  ]) {
    const field = `traceparent: 00-${TRACE}-${SPAN}-${flags}`;
    assert.equal((await sent(TRUSTED, field)).flags, trusted, flags);
    const context = await sent(ports.device, field);
    assert.equal(context.flags, other, flags);
    assert.equal(context.trace, TRACE);
  }
});

const CONTINUED = [
  `cc-${TRACE}-${SPAN}-01`,
  `cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`,
  `01-${TRACE}-${SPAN}-01-`,
  `fe-${TRACE}-${SPAN}-01-x`,
];
for (const traceparent of CONTINUED) {
  test(`of a later version, but it begins like ours: ${traceparent}`, async () => {
    const context = await sent(TRUSTED, `traceparent: ${traceparent}`);
    assert.equal(context.trace, TRACE);
    assert.equal(context.flags, "01");
  });
}

const BEGUN: readonly (readonly string[])[] = [
  [`traceparent: 00-${TRACE.slice(0, -1)}1-${SPAN}-01`, `traceparent: ${VALID}`],
  [`traceparent: ${VALID}`, `traceparent: ${VALID}`],
  [`traceparent: cc-${TRACE}-${SPAN}-01-a`, `traceparent: ${VALID}`],
  [`trace-parent: ${VALID}`],
  [`traceparent: ${VALID}.`],
  [`traceparent: ${VALID}-what-the-future-will-be-like`],
  [`traceparent: cc-${TRACE}-${SPAN}-01.what-the-future-will-be-like`],
  [`traceparent: ff-${TRACE}-${SPAN}-01`],
  [`traceparent: .0-${TRACE}-${SPAN}-01`],
  [`traceparent: 0.-${TRACE}-${SPAN}-01`],
  [`traceparent: 000-${TRACE}-${SPAN}-01`],
  [`traceparent: 0000-${TRACE}-${SPAN}-01`],
  [`traceparent: 0-${TRACE}-${SPAN}-01`],
  [`traceparent: 00-${"0".repeat(32)}-${SPAN}-01`],
  [`traceparent: 00-.${TRACE.slice(1)}-${SPAN}-01`],
  [`traceparent: 00-${TRACE.slice(1)}.-${SPAN}-01`],
  [`traceparent: 00-${TRACE}3-${SPAN}-01`],
  [`traceparent: 00-${TRACE.slice(1)}-${SPAN}-01`],
  [`traceparent: 00-${TRACE}-${"0".repeat(16)}-01`],
  [`traceparent: 00-${TRACE}-.${SPAN.slice(1)}-01`],
  [`traceparent: 00-${TRACE}-${SPAN}7-01`],
  [`traceparent: 00-${TRACE}-${SPAN.slice(1)}-01`],
  [`traceparent: 00-${TRACE}-${SPAN}-.0`],
  [`traceparent: 00-${TRACE}-${SPAN}-0.`],
  [`traceparent: 00-${TRACE}-${SPAN}-001`],
  [`traceparent: 00-${TRACE}-${SPAN}-1`],
  [`traceparent: 00-${"AB".repeat(16)}-${SPAN}-01`],
  ["traceparent: "],
  [`traceparent: "${VALID}"`],
];
for (const fields of BEGUN) {
  test(`begins a trace, without the tracestate: ${fields.join(" and ")}`, async () => {
    assertBegun(await sent(TRUSTED, ...fields, "tracestate: foo=1"));
  });
}

const long = (chars: number) => `a=${"x".repeat(chars - 2)}`;
const members = (count: number) => Array.from({ length: count }, (_, i) => `k${i}=${i}`).join(",");
/** 256 characters each. */
const KEY = "k".repeat(256);
const VALUE = "v".repeat(255);

/** Fields, and what the upstream gets. */
const STATES: readonly (readonly [readonly string[], string | undefined])[] = [
  [["foo=1"], "foo=1"],
  [["foo=1,bar=2"], "foo=1,bar=2"],
  [["foo=1,bar=2", "rojo=1,congo=2", "baz=3"], "foo=1,bar=2,rojo=1,congo=2,baz=3"],
  [[""], undefined],
  [["foo=1", ""], "foo=1,"],
  [["", "foo=1"], ",foo=1"],
  [["foo=1,foo=2"], "foo=1,foo=2"],
  [["foo=1 \t , \t bar=2, \t baz=3"], "foo=1 \t , \t bar=2, \t baz=3"],
  [[" foo=1"], "foo=1"],
  [["abcdefghijklmnopqrstuvwxyz0123456789_-*/= !\"#$%&'()*+-./0:;<>?@A[\\]^_`a{|}~"], "as sent"],
  [["0system@tenant=1,a@b@c=2"], "0system@tenant=1,a@b@c=2"],
  [[",, ,"], undefined],
  [["foo =1"], undefined],
  [["FOO=1"], undefined],
  [["foo.bar=1"], undefined],
  [["foo"], undefined],
  [["foo="], undefined],
  [["=1"], undefined],
  [["foo=1,bar"], undefined],
  [["foo=1=2"], undefined],
  [["foo=a\tb"], undefined],
  [["foo=1;bar=2"], undefined],
  [["foo=1;bar"], "foo=1;bar"],
  [[`foo=${Buffer.from("é").toString("latin1")}`], undefined],
  [[`${KEY}=${VALUE}`], "as sent"],
  [[`${KEY}k=1`], undefined],
  [[`a=${VALUE}vv`], undefined],
  [[`a=${VALUE}v`], "as sent"],
  [[`${long(200)},${`b${long(200).slice(1)}`},${`c${long(110).slice(1)}`}`], "as sent"],
  [[`${long(200)},${`b${long(200).slice(1)}`},${`c${long(111).slice(1)}`}`], undefined],
  [[members(32)], "as sent"],
  [[members(33)], undefined],
  [[members(16), members(16)], `${members(16)},${members(16)}`],
  [[members(16), members(17)], undefined],
];
for (const [fields, expected] of STATES) {
  const shown = fields.map((field) => (field.length > 60 ? `${field.slice(0, 60)}…` : field));
  test(`tracestate ${JSON.stringify(shown)} is ${expected === undefined ? "left out" : "passed on"}`, async () => {
    const lines = fields.map((field) => `tracestate: ${field}`);
    const context = await sent(TRUSTED, ...lines.slice(0, 1), `traceparent: ${VALID}`, ...lines.slice(1));
    assert.equal(context.state, expected === "as sent" ? fields[0] : expected);
    assert.equal(context.trace, TRACE, "whatever it holds, the trace goes on");
    assert.equal((await sent(ports.device, ...lines, `traceparent: ${VALID}`)).state, undefined, "not trusted");
  });
}

test("nothing is left of the request before", async () => {
  const whole = [`traceparent: ${VALID}`, "tracestate: a=1"];
  assert.equal((await sent(TRUSTED, ...whole)).state, "a=1");
  assert.equal((await sent(TRUSTED, `traceparent: ${VALID}`)).state, undefined);
  assert.equal((await sent(TRUSTED, ...whole)).trace, TRACE);
  assertBegun(await sent(TRUSTED));
  // Read twice, since a field names others.
  assert.equal((await sent(TRUSTED, ...whole, "Connection: X-A, X-B", "X-A: 1")).state, "a=1");
});

test("requests that cross each other keep their own context", async () => {
  const before = api.requests.length;
  const clients = await Promise.all(Array.from({ length: 16 }, (_, i) => Client.open(i % 2 ? TRUSTED : ports.device)));
  const trace = (i: number, round: number) => `${TRACE.slice(4)}${String(100 * round + i).padStart(4, "0")}`;
  for (let round = 1; round <= 20; round++) {
    await Promise.all(
      clients.map((client, i) => {
        const fields = [`traceparent: 00-${trace(i, round)}-${SPAN}-01`, `tracestate: a=${i}-${round}`];
        return client.send(get(`/api/${i}/${round}`, ...(i % 4 === 0 ? [] : fields))).answer();
      }),
    );
  }
  const requests = api.requests.slice(before);
  assert.equal(requests.length, 320);
  for (const request of requests) {
    const [, i = 0, round = 0] = /\/api\/(\d+)\/(\d+)/.exec(request.target)!.map(Number);
    const context = contextOf(request);
    if (i % 4 === 0) assertBegun(context);
    else assert.equal(context.trace, trace(i, round));
    assert.equal(context.state, i % 2 === 0 ? undefined : `a=${i}-${round}`);
  }
});
