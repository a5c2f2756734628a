/** headers at build: what it refuses, how defaults join, and what it makes of a route. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask } from "../../../test/feature-checks.ts";
import headers from "./feature.ts";

const request = (rules: object) => ({ request_headers: rules });
const response = (rules: object) => ({ response_headers: rules });

test("set drops and appends, add appends, remove drops; CRLF ends a request's line and starts an answer's", () => {
  const { problems, use } = ask(headers, {
    ...request({ set: { "X-A": "{client.ip}" }, add: { "X-B": "{{b}}" }, remove: ["X-C"] }),
    ...response({ set: { "Cache-Control": "no-store" }, remove: ["Server"] }),
  });
  assert.deepEqual(problems, []);
  assert.deepEqual(use, {
    phases: {
      upstreamRequest: {
        fn: "appendRequestFields",
        data: { kind: "template", text: "X-A: {client.ip}\r\nX-B: {{b}}\r\n" },
      },
      responseHead: {
        fn: "appendResponseFields",
        data: { kind: "template", text: "\r\nCache-Control: no-store" },
      },
    },
    dropRequestFields: ["x-a", "x-c"],
    dropResponseFields: ["cache-control", "server"],
    requestHeadBytes: { kind: "template", text: "X-A: {client.ip}\r\nX-B: {{b}}\r\n" },
    responseHeadBytes: { kind: "template", text: "\r\nCache-Control: no-store" },
  });
});

test("what the core sets anyway is accepted with its own value and adds nothing", () => {
  const own = { "X-Real-IP": "{client.ip}", "x-forwarded-host": "{host}" };
  assert.deepEqual(ask(headers, request({ set: own })), { problems: [], use: undefined });
});

for (const [name, values, wanted] of [
  [
    "framing",
    request({ set: { "Content-Length": "1" } }),
    /^HW2101 request_headers\.set\.Content-Length: .*connection/,
  ],
  ["framing in answers", response({ remove: ["transfer-ENCODING"] }), /^HW2101 response_headers\.remove\.0: /],
  ["hop-by-hop", request({ add: { Connection: "x-a" } }), /^HW2101 request_headers\.add\.Connection/],
  ["Host", request({ set: { Host: "a.test" } }), /^HW2101 .*client's Host is forwarded/],
  ["Date in answers", response({ set: { Date: "x" } }), /^HW2101 .*Date is written by the server/],
  ["Via", response({ remove: ["Via"] }), /^HW2101 .*RFC 9110 7\.6\.3/],
  ["another client address", request({ set: { "X-Real-IP": "1.2.3.4" } }), /^HW2101 .*always to \{client\.ip\}/],
  ["removing X-Forwarded-For", request({ remove: ["X-Forwarded-For"] }), /^HW2101/],
  ["no token", request({ set: { "X A": "1" } }), /^HW2101 .*"X A" is not a field name/],
  ["a line break", request({ set: { "X-A": "1\r\nX-B: 2" } }), /^HW2102 request_headers\.set\.X-A: /],
  ["a blank at the end", request({ set: { "X-A": "1 " } }), /^HW2102/],
  ["beyond ASCII", request({ set: { "X-A": "é" } }), /^HW2102/],
  [
    "an unknown placeholder",
    request({ set: { "X-A": "{client.pi}" } }),
    /^HW2103 .*"client\.pi"; did you mean "client\.ip"\?/,
  ],
  ["a credential without a name", request({ set: { "X-A": "{credential.}" } }), /^HW2103 .*\{credential\.NAME\}/],
  ["a path as a credential", request({ set: { "X-A": "{credential.../shadow}" } }), /^HW2103 .*\{credential\.NAME\}/],
  ["a brace alone", request({ set: { "X-A": "a}" } }), /^HW2103 .*"}}"/],
  ["an open brace", request({ set: { "X-A": "{host" } }), /^HW2103 .*"{{"/],
  [
    "two rules in other case",
    request({ set: { "X-A": "1" }, remove: ["x-a"] }),
    /^HW2104 request_headers\.remove\.0: .*request_headers\.set\.X-A/,
  ],
  ["a name twice in one map", request({ set: { "X-A": "1", "x-a": "2" } }), /^HW2104/],
  ["a number", request({ set: { "X-A": 1 } }), /^schema request_headers\.set\.X-A/],
] as const) {
  test(`refused: ${name}`, () => {
    const { problems } = ask(headers, values);
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0]!, wanted);
  });
}

test("what a route says about a field replaces what the defaults say about it, in any case", () => {
  const fallback = { set: { "X-A": "1", "X-B": "1" }, add: { "X-C": "1" }, remove: ["X-D", "X-E"] };
  const own = { set: { "x-d": "2" }, add: { "X-F": "2" }, remove: ["x-a", "X-C"] };
  assert.deepEqual(headers.mergeDefaults!("request_headers", fallback, own), {
    set: { "X-B": "1", "x-d": "2" },
    add: { "X-F": "2" },
    remove: ["X-E", "x-a", "X-C"],
  });
});
