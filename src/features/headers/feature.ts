/** headers: request_headers and response_headers; fields set, added and removed on the way. */
import { z } from "zod";
import { defineFeature, type Problem, type RouteUse, template } from "../../../build/feature.ts";
import { escapeTemplate, parseTemplate } from "../../../build/template.ts";
import { isSetByCore, refusal, type Side } from "./fields.ts";

/** ASCII without controls, no blank at either end; anything else is read differently by different servers. */
const VALUE = /^([!-~]([\t -~]*[!-~])?)?$/;
const VALUE_CHARS_MAX = 2048;

const value = z
  .string()
  .max(VALUE_CHARS_MAX)
  .describe(
    'The value; "{client.ip}", "{credential.NAME}" and other placeholders are filled in, "{{" and "}}" are literal braces.',
  );
const name = z.string().min(1).max(128).describe("A field name, in any case.");

function fieldRules(description: string) {
  return z
    .strictObject({
      set: z.record(name, value).describe("Fields that get this value, whatever was there before.").optional(),
      add: z.record(name, value).describe("Fields added to those that are there.").optional(),
      remove: z.array(name).describe("Fields taken out.").optional(),
    })
    .describe(description);
}

const routeKeys = {
  request_headers: fieldRules("Changes to the request's fields before they go to the upstream."),
  response_headers: fieldRules("Changes to the answer's fields before they go to the client."),
};
type Key = keyof typeof routeKeys;
type Rules = z.infer<(typeof routeKeys)[Key]>;

const SIDES: readonly (readonly [Key, Side])[] = [
  ["request_headers", "request"],
  ["response_headers", "response"],
];

export default defineFeature({
  name: "headers",
  stage: "rewrite",
  summary: "request and answer fields set, added and removed",
  routeKeys,
  defaultKeys: ["request_headers", "response_headers"],
  mergeDefaults: (_key, fallback, own) => merge(fallback as Rules, own as Rules),
  codes: {
    HW2101: "headers: a field that cannot be set, added or removed",
    HW2102: "headers: a value that cannot stand in a field",
    HW2103: "headers: a placeholder that does not exist, or a brace without its pair",
    HW2104: "headers: two rules for one field",
  },
  check(values, { fieldsSet }, problem) {
    for (const [key, side] of SIDES) {
      if (values[key] !== undefined) checkRules(key, side, values[key] as Rules, fieldsSet?.[side], problem);
    }
  },
  use(values) {
    const request = use("request", values.request_headers as Rules | undefined);
    const response = use("response", values.response_headers as Rules | undefined);
    if (request.drops.length + response.drops.length + request.block.length + response.block.length === 0) return;
    const result: RouteUse = {
      phases: {
        ...(request.block !== "" && {
          upstreamRequest: { fn: "appendRequestFields", data: template(request.block) },
        }),
        ...(response.block !== "" && {
          responseHead: { fn: "appendResponseFields", data: template(response.block) },
        }),
      },
      dropRequestFields: request.drops,
      dropResponseFields: response.drops,
      requestHeadBytes: template(request.block),
      responseHeadBytes: template(response.block),
    };
    return result;
  },
});

/** What a route says about a field replaces whatever the defaults say about it. */
function merge(fallback: Rules, own: Rules): Rules {
  const named = new Set(namesOf(own).map(({ name }) => name.toLowerCase()));
  const isOpen = (name: string) => !named.has(name.toLowerCase());
  const join = (kind: "set" | "add") => ({
    ...Object.fromEntries(Object.entries(fallback[kind] ?? {}).filter(([name]) => isOpen(name))),
    ...own[kind],
  });
  return {
    set: join("set"),
    add: join("add"),
    remove: [...(fallback.remove ?? []).filter(isOpen), ...(own.remove ?? [])],
  };
}

function checkRules(
  key: Key,
  side: Side,
  rules: Rules,
  fieldsSet: ReadonlyMap<string, string> | undefined,
  problem: Problem,
): void {
  const seen = new Map<string, string>();
  for (const { name, value, path } of namesOf(rules)) {
    const place = [key, ...path];
    const reason = refusal(side, name, value);
    if (reason !== undefined) problem("HW2101", place, reason);
    const setter = fieldsSet?.get(name.toLowerCase());
    if (setter !== undefined) problem("HW2104", place, `${setter} sets ${name} on every route; leave it out here`);
    const before = seen.get(name.toLowerCase());
    if (before === undefined) seen.set(name.toLowerCase(), path.join("."));
    else problem("HW2104", place, `${name} has a rule already, at ${key}.${before}; a field can have only one`);
    if (value !== undefined) checkValue(place, value, problem);
  }
}

function checkValue(place: readonly (string | number)[], text: string, problem: Problem): void {
  if (!VALUE.test(text)) {
    problem(
      "HW2102",
      place,
      "expected visible ASCII characters and blanks, no blank at either end, no control character",
    );
  }
  const parsed = parseTemplate(text, true);
  if ("mistake" in parsed) problem("HW2103", place, parsed.mistake.message);
}

interface Named {
  readonly name: string;
  /** Undefined where the field is removed. */
  readonly value?: string;
  readonly path: readonly (string | number)[];
}

function namesOf(rules: Rules): Named[] {
  const valued = (["set", "add"] as const).flatMap((kind) =>
    Object.entries(rules[kind] ?? {}).map(([name, value]): Named => ({ name, value, path: [kind, name] })),
  );
  return [...valued, ...(rules.remove ?? []).map((name, i): Named => ({ name, path: ["remove", i] }))];
}

/** The fields that go, and the lines that come as one template: CRLF ends a request's, and starts an answer's. */
function use(side: Side, rules: Rules | undefined): { drops: string[]; block: string } {
  const entries = namesOf(rules ?? {}).filter(({ name }) => !isSetByCore(side, name));
  const lines = entries
    .filter(({ value }) => value !== undefined)
    .map(({ name, value }) => `${escapeTemplate(name)}: ${value}`);
  const drops = entries.filter(({ path }) => path[0] !== "add").map(({ name }) => name.toLowerCase());
  const block = lines.map((line) => (side === "request" ? `${line}\r\n` : `\r\n${line}`)).join("");
  return { drops: drops.sort(), block };
}
