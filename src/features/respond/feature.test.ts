/** respond at build: what it refuses, and what it makes of a route. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask } from "../../../test/feature-checks.ts";
import respond from "./feature.ts";

const reply = (values: object) => {
  const { problems, use } = ask(respond, { respond: values });
  assert.deepEqual(problems, []);
  assert.equal(use!.answers, true);
  assert.equal(use!.phases.request!.fn, "respond");
  return use!.phases.request!.data;
};

test("a body is text unless said otherwise; no body has no type", () => {
  const text = [["content-type", "text/plain; charset=utf-8"]];
  assert.deepEqual(reply({ status: 200, body: "é" }), { kind: "reply", status: 200, fields: text, body: "é" });
  assert.deepEqual(reply({ status: 503 }), { kind: "reply", status: 503, fields: [], body: "" });
  const json = [["content-type", "application/json"]];
  const values = { status: 404, body: "{}", content_type: "application/json" };
  assert.deepEqual(reply(values), { kind: "reply", status: 404, fields: json, body: "{}" });
});

for (const [name, values, wanted] of [
  ["a body with 204", { status: 204, body: "" }, /^HW2001 respond\.body: an answer with status 204 has no body/],
  ["a body with 304", { status: 304, body: "x" }, /^HW2001 respond\.body/],
  [
    "more than 64 KiB, counted in bytes",
    { status: 200, body: "é".repeat(32_769) },
    /^HW2002 respond\.body: .* 65538 bytes/,
  ],
  ["a type for nothing", { status: 200, content_type: "text/html" }, /^HW2003 respond\.content_type/],
  ["an interim status", { status: 101 }, /^schema respond\.status/],
  ["a status past 599", { status: 600 }, /^schema respond\.status/],
  ["a line break in the type", { status: 200, body: "", content_type: "a\r\nb: c" }, /^schema respond\.content_type/],
  ["an unknown key", { status: 200, bdoy: "" }, /^schema respond: .*bdoy/],
] as const) {
  test(`refused: ${name}`, () => {
    const { problems } = ask(respond, { respond: values });
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0]!, wanted);
  });
}

test("64 KiB fit", () => {
  reply({ status: 200, body: "é".repeat(32_768) });
});
