/** What the command line shows when all went well, as text and as data. Pure: the command line prints. */
import type { Design } from "./compile.ts";
import type { Diagnostic } from "./diagnostics.ts";

/** The short report of `hardwire check`, without a last line break. */
export function renderCheck(design: Design): string {
  return rows(`${design.plan.name} for ${design.plan.target}: correct`, designRows(design));
}

/** Name and value of what both reports say about the design. */
export function designRows({ plan }: Design): [string, string][] {
  const listeners = plan.listeners.map(
    ({ name, host, port }) => `${name} ${host.includes(":") ? `[${host}]` : host}:${port}`,
  );
  return [
    ["routes", `${plan.routes.length} to ${count(plan.upstreams.length, "upstream")}`],
    ["listeners", listeners.join(", ")],
    ["features", plan.features.map(({ name }) => name).join(", ") || "none"],
  ];
}

export function rows(title: string, lines: readonly (readonly [string, string])[]): string {
  const width = Math.max(...lines.map(([name]) => name.length));
  return [title, ...lines.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)].join("\n");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** The same for `--json`, with the diagnostics' excerpts left out: a program has the file. */
export function checkData(design: Design | undefined, diagnostics: readonly Diagnostic[]) {
  const pick = (wanted: Diagnostic["severity"]) =>
    diagnostics
      .filter(({ severity }) => severity === wanted)
      .map(({ file, line, column, code, path, message }) => ({ file, line, column, code, path, message }));
  const plan = design?.plan;
  return {
    ok: plan !== undefined,
    errors: pick("error"),
    warnings: pick("warning"),
    ...(plan && {
      name: plan.name,
      target: plan.target,
      routes: plan.routes.map(({ name }) => name),
      upstreams: plan.upstreams.map(({ name }) => name),
      features: plan.features.map(({ name }) => name),
    }),
  };
}
