/**
 * Emits chains.ts: what the features of each route do in each phase.
 *
 * One function for each distinct combination of features, the calls written out in stage order; a route's data is a
 * constant where all its users share it, else a row of a table indexed by route. No arrays of hooks, no closures.
 */
import type { Phase, Value } from "../feature.ts";
import type { Plan, PlannedFeature, PlannedRoute } from "../plan.ts";
import { emitDrops } from "./drops.ts";
import { identifier, Names } from "./names.ts";
import { emitTaken } from "./taken.ts";
import { emitTypedArray, Text } from "./text.ts";
import type { Values } from "./values.ts";

interface Step {
  readonly feature: PlannedFeature;
  readonly fn: string;
  readonly data: Value;
}

interface Shape {
  readonly parameters: string;
  readonly pass: string;
  /** What an empty chain returns; "" where a phase returns nothing. */
  readonly start: string;
}

const APPENDS: Shape = { parameters: "x: Exchange, out: Buffer, at: number", pass: "x, out, at", start: "at" };
const SHAPES: Readonly<Record<Phase, Shape>> = {
  arrive: { parameters: "x: Exchange", pass: "x", start: "" },
  request: { parameters: "x: Exchange", pass: "x", start: "0" },
  upstreamRequest: APPENDS,
  responseHead: APPENDS,
  refusalHead: APPENDS,
  upstreamError: { parameters: "x: Exchange, fault: number", pass: "x, fault", start: "" },
  done: { parameters: "x: Exchange", pass: "x", start: "" },
};
/** What follows a request that no route took, too. */
const UNROUTED: readonly Phase[] = ["arrive", "refusalHead", "done"];

export function emitChains(out: Text, plan: Plan, values: Values): void {
  const names = new Names();
  const tables = new Text();
  const functions = new Text();
  for (const phase of Object.keys(SHAPES) as Phase[]) emitPhase(functions, tables, plan, phase, names, values);
  emitDrops(functions, plan, "dropRequestFields");
  emitDrops(functions, plan, "dropResponseFields");
  emitTaken(functions, values.fields);

  out.line('import type { Exchange } from "#core/exchange.ts";');
  if (values.putsText) out.line('import { putText } from "#core/bytes.ts";');
  if (values.putsCredentials) out.line('import { credentials } from "#core/credentials.ts";');
  if (values.fields.length > 0) out.line('import { take } from "#core/taken.ts";');
  if (values.placeholders.size > 0) {
    out.line(`import { ${[...values.placeholders].sort().join(", ")} } from "#core/placeholders.ts";`);
  }
  for (const line of names.imports) out.line(line);
  out.line();
  values.emit(out);
  out.append(tables).append(functions);
}

function emitPhase(out: Text, tables: Text, plan: Plan, phase: Phase, names: Names, values: Values): void {
  const shape = SHAPES[phase];
  const chains = new Map<string, { readonly number: number; readonly steps: readonly Step[] }>();
  const chainOf = (uses: PlannedRoute["uses"]): number => {
    const steps = stepsOf(plan, uses, phase);
    if (steps.length === 0) return 0;
    const key = JSON.stringify(steps.map((step) => [step.feature.name, step.fn]));
    let chain = chains.get(key);
    if (chain === undefined) {
      chain = { number: chains.size + 1, steps };
      chains.set(key, chain);
    }
    return chain.number;
  };
  const chainOfRoute = plan.routes.map(({ uses }) => chainOf(uses));
  const unrouted = UNROUTED.includes(phase) ? chainOf(everyRequest(plan)) : 0;

  const call = new Map<string, string>();
  for (const feature of plan.features) emitData(tables, plan, phase, feature, values, call);
  for (const { number, steps } of chains.values()) {
    out.line();
    out.block(`function ${phase}_${number}(${shape.parameters}): ${resultOf(shape)} {`, () => {
      const calls = steps.map((step) => {
        return `${names.of(step.feature, step.fn)}(${shape.pass}, ${call.get(step.feature.name)})`;
      });
      if (shape.start === "") for (const code of calls) out.line(`${code};`);
      else emitResult(out, phase, calls);
    });
  }
  emitDispatch(out, tables, phase, chainOfRoute, unrouted);
}

function emitResult(out: Text, phase: Phase, calls: readonly string[]): void {
  if (phase === "request") {
    if (calls.length > 1) out.line("let answer: number;");
    for (const code of calls.slice(0, -1)) out.line(`answer = ${code};`).line("if (answer !== 0) return answer;");
  } else {
    for (const code of calls.slice(0, -1)) out.line(`at = ${code};`);
  }
  out.line(`return ${calls.at(-1)};`);
}

function resultOf({ start }: Shape): string {
  return start === "" ? "void" : "number";
}

/** What features do on every route, as if it were one. */
function everyRequest({ program }: Plan): PlannedRoute["uses"] {
  return new Map([...program].flatMap(([name, { requests }]) => (requests === undefined ? [] : [[name, requests]])));
}

/** @param unrouted the chain of requests that no route took */
function emitDispatch(out: Text, tables: Text, phase: Phase, chainOfRoute: readonly number[], unrouted: number): void {
  const shape = SHAPES[phase];
  const { parameters, pass, start } = shape;
  const all = UNROUTED.includes(phase) ? [...chainOfRoute, unrouted] : chainOfRoute;
  const distinct = [...new Set(all)].sort((a, b) => a - b);
  const only = distinct.length <= 1 ? (distinct[0] ?? 0) : -1;
  const unused = only === 0 ? parameters.replaceAll(/(?<!at)(x|out|fault):/g, "_$1:") : parameters;
  const end = (number: number) => (number === 0 ? `return ${start};` : `return ${phase}_${number}(${pass});`);
  out.line();
  out.block(`export function ${phase}(${unused}): ${resultOf(shape)} {`, () => {
    if (only >= 0) {
      if (only !== 0 || start !== "") out.line(end(only));
      return;
    }
    const table = `${phase}Chain`;
    tables.line("/** Which chain each route takes; 0 for none. */");
    emitTypedArray(tables, false, table, distinct.at(-1)! < 256 ? "Uint8Array" : "Uint16Array", chainOfRoute);
    out.block(`switch (${table}[x.route]) {`, () => {
      for (const number of distinct) if (number !== unrouted) out.line(`case ${number}: ${end(number)}`);
      out.line(`default: ${end(unrouted)}`);
    });
  });
}

/** The expression for a feature's data: a constant if all its routes share it, else a table's row. */
function emitData(
  tables: Text,
  plan: Plan,
  phase: Phase,
  feature: PlannedFeature,
  values: Values,
  call: Map<string, string>,
): void {
  const rows = plan.routes.map((route) => {
    const step = route.uses.get(feature.name)?.phases[phase];
    return step === undefined ? undefined : values.expression(step.data);
  });
  const distinct = [...new Set(rows.filter((row) => row !== undefined))];
  const ofAll = plan.program.get(feature.name)?.requests?.phases[phase];
  if (ofAll !== undefined) distinct.splice(0, distinct.length, values.expression(ofAll.data));
  if (distinct.length === 0) return;
  if (distinct.length === 1) {
    call.set(feature.name, distinct[0]!);
    return;
  }
  const table = `${identifier(feature.name)}_${phase}`;
  tables.line(`/** Data of ${feature.name} by route; undefined where it does nothing. */`);
  tables.block(
    `const ${table} = [`,
    () => {
      rows.forEach((row, number) => {
        const route = plan.routes[number]!;
        tables.comment(`${route.source} ${route.name}`);
        tables.line(`${row ?? "undefined"},`);
      });
    },
    "];",
  );
  call.set(feature.name, `${table}[x.route]!`);
}

function stepsOf(plan: Plan, uses: PlannedRoute["uses"], phase: Phase): Step[] {
  return plan.features.flatMap((feature) => {
    const step = uses.get(feature.name)?.phases[phase];
    return step === undefined ? [] : [{ feature, fn: step.fn, data: step.data }];
  });
}
