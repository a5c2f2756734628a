/** Judges what became of a request by what a test of the routes file expects. */
import type { Field, Outcome } from "./probe.ts";

/** One of `tests`; build/plan.ts has the same shape. */
export interface RouteTest {
  /** "routes/pump.yaml:71" */
  readonly source: string;
  /** Index into the listeners. */
  readonly listener: number;
  readonly method: string;
  readonly host: string;
  /** Path and query as sent. */
  readonly target: string;
  /** Besides Host. */
  readonly fields: readonly Field[];
  /** What is left out may be anything. */
  readonly expect: {
    readonly route?: string;
    readonly upstream?: string;
    readonly path?: string;
    readonly request_headers?: ExpectedFields;
    readonly response_headers?: ExpectedFields;
    readonly status?: number;
    readonly allow?: readonly string[];
  };
}
/** null for a field that must not be there. */
type ExpectedFields = Readonly<Record<string, string | null>>;

export interface Failure {
  /** Below `expect`: `["request_headers", "X-Request-Id"]`. */
  readonly path: readonly string[];
  readonly message: string;
}

/** How the outcome departs from what the test expects; none if it does not. */
export function judge({ expect }: RouteTest, outcome: Outcome): Failure[] {
  const failures: Failure[] = [];
  const compare = (key: "route" | "upstream" | "path" | "status", found: string | number): void => {
    const expected = expect[key];
    if (expected === undefined || expected === found) return;
    failures.push({ path: [key], message: `expected ${JSON.stringify(expected)}; ${describe(outcome)}` });
  };
  compare("route", outcome.route);
  compare("status", outcome.status);
  compare("upstream", outcome.upstream);
  compare("path", outcome.path);
  compareMethods(failures, expect.allow, outcome);
  compareFields(failures, "request_headers", expect.request_headers, outcome.requestFields, outcome);
  compareFields(failures, "response_headers", expect.response_headers, outcome.responseFields, outcome);
  // Whoever expects no status does not expect to be refused on the way.
  if (failures.length === 0 && outcome.code !== "" && expect.status === undefined && expect.allow === undefined) {
    failures.push({ path: [], message: `expected no refusal; ${describe(outcome)}` });
  }
  return failures;
}

function compareMethods(failures: Failure[], allow: readonly string[] | undefined, outcome: Outcome): void {
  if (allow === undefined) return;
  const found = outcome.responseFields.find(([name]) => name === "allow")?.[1].split(", ") ?? [];
  if (allow.toSorted().join() === found.toSorted().join()) return;
  failures.push({ path: ["allow"], message: `expected ${allow.join(", ")}; ${describe(outcome)}` });
}

function compareFields(
  failures: Failure[],
  side: "request_headers" | "response_headers",
  expected: ExpectedFields | undefined,
  fields: readonly Field[],
  outcome: Outcome,
): void {
  for (const [name, value] of Object.entries(expected ?? {})) {
    const values = fields.filter((field) => field[0] === name.toLowerCase()).map((field) => field[1]);
    const asExpected = value === null ? values.length === 0 : values.length === 1 && values[0] === value;
    if (asExpected) continue;
    const wanted = value === null ? "no such field" : JSON.stringify(value);
    const none = fields.length === 0 ? describe(outcome) : "there is none";
    const found = values.length === 0 ? none : `found ${values.map((one) => JSON.stringify(one)).join(", ")}`;
    failures.push({ path: [side, name], message: `expected ${wanted}; ${found}` });
  }
}

/** "the route "a" sends it to the upstream "b" as /path", "it is answered 405 (method_not_allowed), Allow: GET". */
export function describe({ route, status, code, upstream, path, responseFields }: Outcome): string {
  const who = route === "" ? "no route takes it" : `the route "${route}"`;
  if (status === 0) return `${who} sends it to the upstream "${upstream}" as ${path}`;
  const allow = responseFields.find(([name]) => name === "allow")?.[1];
  const answer = `${status}${code === "" ? "" : ` (${code})`}${allow === undefined ? "" : `, Allow: ${allow}`}`;
  return route === "" ? `${who}, it is answered ${answer}` : `${who} answers ${answer}`;
}
