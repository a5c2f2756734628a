/** Conditions of routes: fields that no condition can be about, and what is written twice; and how they are planned. */
import type { Condition } from "../plan.ts";
import type { ConditionEntry } from "../schema/conditions.ts";
import { type Draft, hasHoles } from "../schema/explain.ts";
import type { RouteEntry } from "../schema/routes.ts";
import { type AnalysisInput, routesOf } from "./input.ts";

export function checkConditions(input: AnalysisInput): void {
  for (const [index, { match }] of routesOf(input)) {
    const seen = new Set<string>();
    for (const name of Object.keys(match?.headers ?? {})) {
      const path = ["routes", index, "match", "headers", name];
      const reason = refusal(name.toLowerCase());
      if (reason !== undefined) input.routes.error("HW1308", path, reason, "key");
      if (seen.has(name.toLowerCase()))
        input.routes.error("HW1305", path, `${name} is here twice; case does not matter`, "key");
      seen.add(name.toLowerCase());
    }
    for (const key of ["headers", "query"] as const) {
      for (const [name, entry] of Object.entries(match?.[key] ?? {})) {
        if (typeof entry !== "object" || hasHoles(entry) || Object.keys(entry).length === 1) continue;
        const path = ["routes", index, "match", key, name];
        input.routes.error("HW1308", path, "expected exactly one of prefix and present; what has a prefix is present");
      }
    }
  }
}

/** Fields of the connection and of the gateway itself: what a client says in them is not what an upstream is told. */
function refusal(name: string): string | undefined {
  if (name === "host") return "hosts are matched by the route's own key; write hosts: […] beside match";
  if (FORWARDING.has(name) || name.startsWith("x-forwarded-"))
    return `${name} is set by the gateway whatever the client sends, and no route may depend on the client's`;
  if (FRAMING.has(name)) return `${name} is about the connection, not about the request, and is not passed on`;
  return undefined;
}

const FORWARDING = new Set(["forwarded", "x-real-ip", "via"]);
const FRAMING = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "max-forwards",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** In the plan's order; undefined while one of them is wrong, since guessing what it meant would report followers. */
export function conditionsOf(match: Draft<RouteEntry["match"]>): readonly Condition[] | undefined {
  const fields = Object.entries(match.headers ?? {}).map(([name, entry]) => plan("field", name.toLowerCase(), entry));
  const parameters = Object.entries(match.query ?? {}).map(([name, entry]) => plan("parameter", name, entry));
  const all = [...fields.toSorted(byName), ...parameters.toSorted(byName)];
  return all.some((condition) => condition === undefined) ? undefined : (all as Condition[]);
}

function plan(on: Condition["on"], name: string, entry: Draft<ConditionEntry> | undefined): Condition | undefined {
  if (typeof entry === "string") return { on, name, test: "exact", value: entry };
  if (entry === undefined) return undefined;
  if ("prefix" in entry)
    return entry.prefix === undefined ? undefined : { on, name, test: "prefix", value: entry.prefix };
  if (!("present" in entry) || entry.present === undefined) return undefined;
  return { on, name, test: entry.present ? "present" : "absent", value: "" };
}

function byName(a: Condition | undefined, b: Condition | undefined): number {
  return a === undefined || b === undefined || a.name === b.name ? 0 : a.name < b.name ? -1 : 1;
}
