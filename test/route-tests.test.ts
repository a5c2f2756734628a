/**
 * `tests:` of a routes file, against the generated code: which ones pass, what is said of those that do not, and that a
 * build goes no further then. The same in a packed executable is in e2e/examples.test.ts.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const CLI = join(import.meta.dirname, "../build/cli.ts");
const TARGET = `target: linux-x64
listeners: { public: { address: "127.0.0.1:8080" }, lan: { address: "127.0.0.1:8081" } }
`;
const ROUTES = `version: 1
name: plant
defaults:
  hosts: [gw.local]
  request_headers: { set: { X-Host: "{host}" }, remove: [X-Device] }
upstreams:
  api: { endpoints: [{ url: "http://127.0.0.1:1" }] }
  plc: { endpoints: [{ url: "http://127.0.0.1:2" }] }
routes:
  - { name: device, match: { path: "/v1/devices/{id}", methods: [GET] }, upstream: api }
  - { name: upload, match: { path: /v1/files, methods: [POST] }, upstream: api, limits: { body: 1MiB } }
  - name: plc
    match: { path: "/plc/*" }
    upstream: plc
    rewrite: { strip_prefix: /plc }
    response_headers: { set: { Cache-Control: no-store } }
  - { name: ping, match: { path: /ping }, respond: { status: 200, body: "pong" } }
  - { name: beta, match: { path: /beta, headers: { X-Beta: "1" }, query: { beta: "yes" } }, upstream: api }
  - { name: inside, match: { path: /inside }, listeners: [lan], hosts: ["*.lan.local"], upstream: api }
tests:
`;

const folder = mkdtempSync(join(tmpdir(), "hardwire-route-tests-"));
after(() => rmSync(folder, { recursive: true }));

function hardwire(command: string, tests: readonly string[], ...args: string[]) {
  writeFileSync(join(folder, "r.yaml"), ROUTES + tests.map((one) => `  - ${one}\n`).join(""));
  writeFileSync(join(folder, "t.yaml"), TARGET);
  const line = [CLI, command, "r.yaml", "--target", "t.yaml", ...args];
  return spawnSync(process.execPath, line, { cwd: folder, encoding: "utf8" });
}

/** Each is true of the routes above. */
const TRUE = [
  '{ request: "GET gw.local/v1/devices/7", expect: { route: device, upstream: api, path: /v1/devices/7 } }',
  '{ request: "HEAD GW.local:8080/v1/devices/7", expect: { route: device } }',
  '{ request: "GET gw.local/v1/devices/%41?a=%20&b", expect: { path: "/v1/devices/A?a=%20&b" } }',
  '{ request: "GET gw.local/v1/devices/7?", expect: { path: "/v1/devices/7?" } }',
  '{ request: "DELETE gw.local/v1/devices/7", expect: { status: 405, allow: [HEAD, GET] } }',
  '{ request: "DELETE gw.local/v1/devices/7", expect: { allow: [GET, HEAD] } }',
  '{ request: "BREW gw.local/plc/a", expect: { route: plc } }',
  '{ request: "GET gw.local/plc/tags", expect: { path: /tags, response_headers: { cache-control: no-store, Via: 1.1 plant, Server: null } } }',
  '{ request: "GET gw.local/plc/x", headers: { X-Device: a, Accept: b }, expect: { request_headers: { X-Device: null, accept: b, X-Host: gw.local, X-Real-IP: 127.0.0.1 } } }',
  '{ request: "GET gw.local/ping", expect: { route: ping, status: 200, response_headers: { Content-Type: "text/plain; charset=utf-8" } } }',
  '{ request: "GET gw.local/ping", expect: { route: ping } }',
  '{ request: "GET gw.local/beta?beta=yes", headers: { x-beta: "1" }, expect: { route: beta } }',
  '{ request: "GET gw.local/beta?beta=no", headers: { X-Beta: "1" }, expect: { status: 404 } }',
  '{ request: "GET a.lan.local/inside", listener: lan, expect: { route: inside } }',
  '{ request: "GET a.lan.local/inside", expect: { status: 421 } }',
  '{ request: "GET /ping", expect: { status: 421 } }',
  '{ request: "GET gw.local/nowhere", expect: { status: 404 } }',
  '{ request: "HEAD gw.local/nowhere", expect: { status: 404 } }',
  '{ request: "OPTIONS gw.local/ping", headers: { Max-Forwards: "0" }, expect: { status: 204 } }',

  '{ request: "GET gw.local/plc/../ping", expect: { status: 400 } }',
  '{ request: "TRACE gw.local/ping", expect: { status: 501 } }',
  '{ request: "POST gw.local/v1/files", headers: { Content-Length: "2000000" }, expect: { route: upload, status: 413 } }',
];

/** Each is false, and what is said of it. */
const FALSE: Readonly<Record<string, string>> = {
  '{ request: "GET gw.local/v1/devices/7", expect: { route: plc } }':
    'route: expected "plc"; the route "device" sends it to the upstream "api" as /v1/devices/7',
  '{ request: "GET gw.local/nowhere", expect: { route: plc } }':
    'route: expected "plc"; no route takes it, it is answered 404 (no_route)',
  '{ request: "GET gw.local/v1/devices/7", expect: { upstream: plc } }':
    'upstream: expected "plc"; the route "device" sends it to the upstream "api" as /v1/devices/7',
  '{ request: "GET gw.local/plc/a?b", expect: { path: /plc/a?b } }':
    'path: expected "/plc/a?b"; the route "plc" sends it to the upstream "plc" as /a?b',
  '{ request: "GET gw.local/ping", expect: { upstream: api } }':
    'upstream: expected "api"; the route "ping" answers 200',
  '{ request: "GET gw.local/plc/a", expect: { status: 404 } }':
    'status: expected 404; the route "plc" sends it to the upstream "plc" as /a',
  '{ request: "DELETE gw.local/v1/devices/7", expect: { status: 405, allow: [GET] } }':
    "allow: expected GET; no route takes it, it is answered 405 (method_not_allowed), Allow: GET, HEAD",
  '{ request: "GET gw.local/plc/a", headers: { Accept: a }, expect: { request_headers: { Accept: b } } }':
    'request_headers.Accept: expected "b"; found "a"',
  '{ request: "GET gw.local/plc/a", expect: { request_headers: { Accept: b } } }':
    'request_headers.Accept: expected "b"; there is none',
  '{ request: "GET gw.local/plc/a", expect: { request_headers: { Via: null } } }':
    'request_headers.Via: expected no such field; found "1.1 plant"',
  '{ request: "GET gw.local/ping", expect: { request_headers: { Via: x } } }':
    'request_headers.Via: expected "x"; the route "ping" answers 200',
  '{ request: "GET gw.local/plc/a", expect: { response_headers: { Cache-Control: null } } }':
    'response_headers.Cache-Control: expected no such field; found "no-store"',
  '{ request: "HEAD gw.local/v1/devices/7", headers: { Content-Length: "2000000" }, expect: { route: device } }':
    ': expected no refusal; the route "device" answers 413 (body_too_large)',
  '{ request: "POST gw.local/v1/files", headers: { Content-Length: "2000000" }, expect: { route: upload } }':
    ': expected no refusal; the route "upload" answers 413 (body_too_large)',
};

test("tests that are true of the routes pass", () => {
  const { status, stdout, stderr } = hardwire("test", TRUE);
  assert.equal(stderr, "");
  assert.equal(status, 0);
  assert.equal(stdout, `plant for linux-x64: ${TRUE.length} tests pass, by the generated code\n`);
});

test("every test that is not is reported at its place, and only those", () => {
  const wrong = Object.keys(FALSE);
  const { status, stdout, stderr } = hardwire("test", [...wrong, ...TRUE]);
  assert.equal(status, 1);
  const said = [...stderr.matchAll(/^r\.yaml:(\d+):\d+ {2}HW1604 {2}tests\[(\d+)\]\.(?:request|expect\.)?(.*)$/gm)];
  const expected = wrong.map((one, at) => [String(ROUTES.split("\n").length + at), String(at), FALSE[one]]);
  assert.deepEqual(
    said.map(([, ...parts]) => parts),
    expected,
  );
  const [title, ...rows] = stdout.trimEnd().split("\n");
  assert.equal(
    title,
    `plant for linux-x64: ${TRUE.length} of ${TRUE.length + wrong.length} tests pass, by the generated code`,
  );
  assert.equal(rows.length, wrong.length);
  assert.match(rows[0]!, /^ {2}FAILED {2}r\.yaml:21 {2}GET gw\.local\/v1\/devices\/7 +the route "device" sends it/);
});

test("--json gives the same as data", () => {
  const [wrong] = Object.keys(FALSE);
  const { status, stdout } = hardwire("test", [TRUE[0]!, wrong!], "--json");
  assert.equal(status, 1);
  const outcome = 'the route "device" sends it to the upstream "api" as /v1/devices/7';
  const request = "GET gw.local/v1/devices/7";
  const message = `expected "plc"; ${outcome}`;
  assert.deepEqual(JSON.parse(stdout), {
    ok: false,
    name: "plant",
    target: "linux-x64",
    by: "the generated code",
    tests: [
      { place: "r.yaml:21", request, outcome, failures: [] },
      { place: "r.yaml:22", request, outcome, failures: [{ path: "expect.route", message }] },
    ],
  });
});

test("a build stops at a test that fails and leaves nothing", () => {
  const [wrong] = Object.keys(FALSE);
  const { status, stderr } = hardwire("build", [wrong!], "--out", "gw");
  assert.equal(status, 65);
  assert.match(stderr, /^r\.yaml:21:\d+ {2}HW1604 {2}tests\[0\]\.expect\.route: expected "plc"; /);
  assert.match(stderr, /\n1 error; nothing was written\n$/);
  assert.deepEqual(readdirSync(folder).sort(), ["r.yaml", "t.yaml"]);
});

test("no tests at all, and an executable that has none or is none, are told apart from tests that fail", () => {
  writeFileSync(join(folder, "none.yaml"), ROUTES.replace("tests:\n", ""));
  const none = spawnSync(process.execPath, [CLI, "test", "none.yaml", "--target", "t.yaml"], {
    cwd: folder,
    encoding: "utf8",
  });
  assert.deepEqual([none.status, none.stdout], [65, ""]);
  assert.match(none.stderr, /^none\.yaml: there are no tests; /);
  const missing = hardwire("test", TRUE, "--binary", "nowhere");
  assert.equal(missing.status, 69);
  assert.match(missing.stderr, /^hardwire: nowhere cannot be run here: .*ENOENT\n$/);
  const other = hardwire("test", TRUE, "--binary", "/bin/true");
  assert.equal(other.status, 65);
  assert.equal(other.stderr, "hardwire: /bin/true is no gateway with tests\n");
});
