/**
 * What the matcher knows of a request besides host, method and path: its listener, its fields and its query, each asked
 * for when a condition first needs it and then kept until the next request.
 *
 * A field or parameter that comes twice is read differently by different servers, and so decides nothing: it is told
 * to the core, which refuses the request. Only those count that were asked for, where listener, host and path of some
 * route with a condition on them fit.
 */
import type { Condition, Plan } from "../plan.ts";
import { literal, type Text } from "./text.ts";

/** The names that conditions are about; the index is the number in the generated code. */
export class Asked {
  readonly fields: readonly string[];
  readonly parameters: readonly string[];
  /** Whether the number of a listener is to be compared. */
  readonly byListener: boolean;
  #numbers = new Map<string, number>();

  constructor(plan: Plan) {
    const conditions = plan.routes.flatMap((route) => route.conditions);
    const namesOn = (on: Condition["on"]) => {
      const names = [...new Set(conditions.filter((condition) => condition.on === on).map(({ name }) => name))];
      names.forEach((name, number) => {
        this.#numbers.set(`${on} ${name}`, number);
      });
      return names;
    };
    this.fields = namesOn("field");
    this.parameters = namesOn("parameter");
    this.byListener = usesListeners(plan);
  }

  numberOf({ on, name }: Condition): number {
    return this.#numbers.get(`${on} ${name}`)!;
  }

  /** An expression: whether the condition holds. */
  test(condition: Condition): string {
    const { on, test, value } = condition;
    const read = `${on}(${this.numberOf(condition)})`;
    const nothing = on === "field" ? '""' : "null";
    switch (test) {
      case "exact":
        return `${read} === ${literal(value)}`;
      case "prefix":
        return on === "field"
          ? `${read}.startsWith(${literal(value)})`
          : `(${read} ?? "").startsWith(${literal(value)})`;
      case "present":
        return `${read} !== ${nothing}`;
      default:
        return `${read} === ${nothing}`;
    }
  }
}

/** For comments: ` if accept is "application/json" and ?debug is there`. */
export function describeConditions(conditions: readonly Condition[]): string {
  const texts = conditions.map(({ on, name, test, value }) => {
    const subject = on === "field" ? name : `?${name}`;
    if (test === "exact") return `${subject} is ${literal(value)}`;
    if (test === "prefix") return `${subject} begins with ${literal(value)}`;
    return `${subject} is ${test === "present" ? "there" : "not there"}`;
  });
  return texts.length === 0 ? "" : ` if ${texts.join(" and ")}`;
}

/** Whether a request's listener makes a difference. */
export function usesListeners(plan: Plan): boolean {
  return plan.listeners.length > 1 && plan.routes.some((route) => route.listeners !== undefined);
}

export function emitAsked(out: Text, asked: Asked): void {
  out.line("/** What fields are read from: uWebSockets.js's request. */");
  out.block("export interface FieldReader {", () => out.line("getHeader(lowerCaseName: string): string;"));
  out.line();
  if (asked.byListener) out.line("let listenerNow = 0;").line();
  emitLines(out, asked.fields, asked.fields.length === 0 ? NO_FIELDS : FIELDS);
  emitLines(out, asked.parameters, asked.parameters.length === 0 ? NO_PARAMETERS : PARAMETERS);
}

function emitLines(out: Text, names: readonly string[], text: string): void {
  for (const line of text.replaceAll("COUNT", String(names.length)).split("\n")) {
    if (line !== "NAMES") out.line(line);
    else for (const name of names) out.line(`  ${literal(name)},`);
  }
  out.line();
}

const FIELDS = `/** Fields that conditions are about. */
const fields: readonly string[] = [
NAMES
];
/** By number: the field's value, "" if it is not there, null if it was not asked for. */
const fieldValues: (string | null)[] = fields.map(() => null);
/** How often those have come that were asked for. */
const fieldCounts: Uint8Array = new Uint8Array(COUNT);
const askedFields: Int32Array = new Int32Array(COUNT);
let askedCount = 0;
let reader: FieldReader | null = null;

function forgetFields(req: FieldReader): void {
  for (let i = 0; i < askedCount; i++) fieldValues[askedFields[i]!] = null;
  askedCount = 0;
  reader = req;
}

function field(number: number): string {
  const known = fieldValues[number]!;
  if (known !== null) return known;
  const value = reader!.getHeader(fields[number]!);
  fieldValues[number] = value;
  askedFields[askedCount++] = number;
  return value;
}

/** Whether a condition was about this field of the request. */
export function asksField(name: string): boolean {
  for (let i = 0; i < askedCount; i++) if (fields[askedFields[i]!] === name) return true;
  return false;
}

/** To be called before the request's fields are gone through. */
export function startFields(): void {
  for (let i = 0; i < askedCount; i++) fieldCounts[askedFields[i]!] = 0;
}

/** To be called for each field: whether it comes once more, though a condition was about it. */
export function repeatsField(name: string): boolean {
  for (let i = 0; i < askedCount; i++) {
    const number = askedFields[i]!;
    if (fields[number] === name) return fieldCounts[number]!++ > 0;
  }
  return false;
}`;

const NO_FIELDS = `export function asksField(_name: string): boolean {
  return false;
}
export function startFields(): void {}
export function repeatsField(_name: string): boolean {
  return false;
}`;

/** "&" parts, the first "=" in each divides; both sides percent-decoded once, bytes past ASCII never compare equal. */
const PARAMETERS = `/** Query parameters that conditions are about, numbered. */
const parameters: ReadonlyMap<string, number> = new Map(
  [
NAMES
  ].map((text, index): [string, number] => [text, index]),
);
/** By number: the parameter's value, null if it is not there. */
const parameterValues: (string | null)[] = new Array(COUNT).fill(null);
const parameterCounts: Uint8Array = new Uint8Array(COUNT);
let queryNow = "";
let queryRead = false;
/** Whether a parameter came more than once that a condition was about. */
export let repeatsParameter = false;

function forgetParameters(query: string): void {
  queryNow = query;
  queryRead = false;
  repeatsParameter = false;
}

function parameter(number: number): string | null {
  if (!queryRead) readQuery();
  if (parameterCounts[number]! > 1) repeatsParameter = true;
  return parameterValues[number]!;
}

function readQuery(): void {
  queryRead = true;
  parameterValues.fill(null);
  parameterCounts.fill(0);
  for (let at = 0; at < queryNow.length; ) {
    const and = queryNow.indexOf("&", at);
    const end = and < 0 ? queryNow.length : and;
    const part = queryNow.slice(at, end);
    const equals = part.indexOf("=");
    const number = parameters.get(decode(equals < 0 ? part : part.slice(0, equals)));
    if (number !== undefined) {
      parameterValues[number] = equals < 0 ? "" : decode(part.slice(equals + 1));
      if (parameterCounts[number]! < 2) parameterCounts[number]!++;
    }
    at = end + 1;
  }
}

/** Rare, so it may allocate. */
function decode(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/%[0-9A-Fa-f]{2}/g, (triplet) => String.fromCharCode(Number.parseInt(triplet.slice(1), 16)));
}`;

const NO_PARAMETERS = "export const repeatsParameter: boolean = false;";
