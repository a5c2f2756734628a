/**
 * Tests: requests that a client can send, names that exist, expectations that one answer can meet. Whether they are met
 * is found out at build, by the generated code itself (build/route-tests.ts).
 */

import { didYouMean } from "../near-miss.ts";
import type { Draft } from "../schema/explain.ts";
import type { TestEntry } from "../schema/tests.ts";
import type { Path } from "../source.ts";
import { type AnalysisInput, routesOf } from "./input.ts";
import { routeListeners } from "./program.ts";

export function checkTests(input: AnalysisInput): void {
  const routes = routesOf(input).flatMap(([, { name }]) => name ?? []);
  const upstreams = Object.keys(input.routesFile?.upstreams ?? {});
  const listeners = routeListeners(input);
  for (const [index, test] of (input.routesFile?.tests ?? []).entries()) {
    if (test === undefined) continue;
    const path = ["tests", index];
    checkRequest(input, path, test);
    if (listeners.length > 0) checkName(input, [...path, "listener"], test.listener, listeners);
    checkName(input, [...path, "expect", "route"], test.expect?.route, routes);
    checkName(input, [...path, "expect", "upstream"], test.expect?.upstream, upstreams);
    checkExpectation(input, [...path, "expect"], test.expect);
  }
}

function checkRequest(input: AnalysisInput, path: Path, { request, headers }: Draft<TestEntry>): void {
  const parsed = request === undefined ? undefined : parseRequest(request);
  if (parsed !== undefined && "mistake" in parsed) input.routes.error("HW1602", [...path, "request"], parsed.mistake);
  for (const name of Object.keys(headers ?? {})) {
    const reason = NOT_IN_TESTS[name.toLowerCase()];
    if (reason === undefined) continue;
    input.routes.error("HW1602", [...path, "headers", name], `a test cannot send ${name}: ${reason}`, "key");
  }
}

const OF_THE_CONNECTION = "it is about the connection, which a test does not have";
const NOT_IN_TESTS: Readonly<Record<string, string>> = {
  host: 'the host stands in the request, as in "GET gw.local/v1"',
  connection: OF_THE_CONNECTION,
  expect: OF_THE_CONNECTION,
  "transfer-encoding": "a test has no body; Content-Length can announce one",
  upgrade: OF_THE_CONNECTION,
};

function checkName(input: AnalysisInput, path: Path, name: string | undefined, known: readonly string[]): void {
  if (name === undefined || known.includes(name)) return;
  input.routes.error("HW1601", path, `no ${path.at(-1)} "${name}"${didYouMean(name, known)}`);
}

function checkExpectation(input: AnalysisInput, path: Path, expect: Draft<TestEntry>["expect"]): void {
  if (expect === undefined) return;
  if (Object.keys(expect).length === 0) {
    input.routes.error(
      "HW1603",
      path,
      "nothing is expected; name the route, the status or another part of the outcome",
    );
  }
  // What was wrong by itself was reported.
  const keys = Object.entries(expect).flatMap(([key, value]) => (value === undefined ? [] : key));
  const forwarded = keys.find((key) => ["upstream", "path", "request_headers"].includes(key));
  const answered = keys.find((key) => key === "status" || key === "allow");
  if (forwarded !== undefined && answered !== undefined) {
    const message = `${answered} is about the gateway's own answer, ${forwarded} about an upstream's request`;
    input.routes.error("HW1603", [...path, answered], `${message}; only one of them can come`, "key");
  } else if (expect.allow !== undefined && expect.status !== undefined && expect.status !== 405) {
    input.routes.error("HW1603", [...path, "allow"], "only an answer of status 405 names the methods allowed", "key");
  }
}

export interface TestRequest {
  readonly method: string;
  readonly host: string;
  /** Path and query. */
  readonly target: string;
}

/** "GET gw.local/v1?full=1" in its parts. */
export function parseRequest(text: string): TestRequest | { readonly mistake: string } {
  const expected = 'expected a request such as "GET gw.local/v1/devices/7"';
  const [, method, rest] = /^(\S+) (\S+)$/.exec(text) ?? [];
  if (method === undefined || rest === undefined) {
    const advice = /^\S+$/.test(text) ? `; write "GET ${text}"` : "; a blank in a path is written %20";
    return { mistake: `${expected}, found ${JSON.stringify(text)}${advice}` };
  }
  if (!/^[A-Z][A-Z-]{0,31}$/.test(method)) {
    const advice = /^[a-z]+$/i.test(method) ? `; write "${method.toUpperCase()} ${rest}"` : "";
    return { mistake: `expected a method in capitals, found "${method}"${advice}` };
  }
  const absolute = /^https?:\/\/(.*)$/i.exec(rest)?.[1];
  if (absolute !== undefined) return { mistake: `a request has no scheme; write "${method} ${absolute}"` };
  const at = rest.search(/[/?#]/);
  const host = at === -1 ? rest : rest.slice(0, at);
  const target = at === -1 ? "" : rest.slice(at);
  if (!target.startsWith("/")) return { mistake: `the path is missing; write "${method} ${host}/${target}"` };
  if (!/^[!-~]*$/.test(target)) return { mistake: "a path is of ASCII characters; percent-encode the others" };
  if (target.includes("#")) return { mistake: 'clients never send "#" and what follows; leave it out' };
  if (!/^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])?(?::[0-9]{1,5})?$/i.test(host)) {
    return { mistake: `${expected}; "${host}" is not a host that a client can send` };
  }
  return { method, host: host === "" || host.startsWith(":") ? `localhost${host}` : host, target };
}
