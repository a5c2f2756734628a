/** What the command line shows when all went well, as text and as data. Pure: the command line prints. */
import { descriptorBudget } from "./budget/descriptors.ts";
import { memoryBudget } from "./budget/memory.ts";
import { type Budget, showBytes } from "./budget/term.ts";
import type { Built, Design } from "./compile.ts";
import type { Compressed } from "./compress.ts";
import type { Diagnostic } from "./diagnostics.ts";
import type { PlannedAdminListener } from "./plan.ts";

/** The short report of `hardwire check`, without a last line break. */
export function renderCheck(design: Design): string {
  return rows(`${design.plan.name} for ${design.plan.target}: correct`, [
    ...designRows(design),
    ...budgetRows(design, true),
  ]);
}

/** Name and value of what both reports say about the design. */
export function designRows({ plan, overrides }: Design): [string, string][] {
  const listeners = plan.listeners.map(
    ({ name, host, port }) => `${name} ${host.includes(":") ? `[${host}]` : host}:${port}`,
  );
  return [
    ["routes", `${plan.routes.length} to ${count(plan.upstreams.length, "upstream")}`],
    ["listeners", [...listeners, ...plan.adminListeners.map(showAdmin)].join(", ")],
    ["features", plan.features.map(({ name }) => name).join(", ") || "none"],
    ...(overrides.length === 0 ? [] : [["overrides", overrides.join(", ")] satisfies [string, string]]),
  ];
}

function showAdmin({ name, host, port, socketPath }: PlannedAdminListener): string {
  const address = socketPath === "" ? `${host.includes(":") ? `[${host}]` : host}:${port}` : `unix:${socketPath}`;
  return `${name} ${address} (admin)`;
}

function memoryRow(budget: Budget): string {
  const { total, limit } = budget;
  const largest = budget.terms.slice(0, 3).map(({ name, amount }) => `${name} ${showBytes(amount)}`);
  const most = `${showBytes(total)}${limit === undefined ? "" : ` of ${showBytes(limit)}`} at most`;
  return `${most}: ${largest.join(", ")}, … (hardwire explain)`;
}

function descriptorRow({ total, limit }: Budget): string {
  return `${total}${limit === undefined ? "" : ` of ${limit}`} at most`;
}

/** Of both budgets; `check` shows those that the target sets. */
function budgetRows({ plan }: Design, isSetOnly: boolean): [string, string][] {
  const [memory, descriptors] = [memoryBudget(plan), descriptorBudget(plan)];
  const lines: [Budget, string, string][] = [
    [memory, "memory", memoryRow(memory)],
    [descriptors, "descriptors", descriptorRow(descriptors)],
  ];
  return lines.filter(([{ limit }]) => !isSetOnly || limit !== undefined).map(([, name, row]) => [name, row]);
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
      overrides: design.overrides,
      memory: memoryBudget(plan),
      descriptors: descriptorBudget(plan),
    }),
  };
}

/** What was written beside the executable. */
export interface Extras {
  readonly compressed?: Compressed | undefined;
  readonly deb?: Compressed | undefined;
  readonly image?: { readonly folder: string; readonly digest: string; readonly bytes: number } | undefined;
  /** Path of the page. */
  readonly report?: string | undefined;
  readonly service?: readonly string[] | undefined;
}

/** The short report of `hardwire build`, without a last line break. */
export function renderBuilt(design: Design, built: Built, { compressed, deb, image, report, service }: Extras): string {
  const { packed, bundled, generatedDir, steps } = built;
  const { bytes, sha256 } = packed;
  const total = steps.reduce((sum, { ms }) => sum + ms, 0);
  return rows(`${design.plan.name} for ${design.plan.target}: ${packed.outFile}`, [
    ...designRows(design),
    ...(design.plan.tests.length === 0 ? [] : [["tests", `${design.plan.tests.length} pass`] as const]),
    ...budgetRows(design, false),
    [
      "executable",
      `${megabytes(bytes.artefact)} (runtime ${megabytes(bytes.runtime)}, addon ${megabytes(bytes.addon)})`,
    ],
    ...fileRow("compressed", compressed),
    ...fileRow("package", deb),
    ...fileRow("image", image && { ...image, outFile: `${image.folder}, ${image.digest}` }),
    ["program", `${(bundled.bytes / 1000).toFixed(1)} kB, of it ${routesShare(bundled)} for these routes`],
    ["glibc", `${packed.glibc} or newer`],
    ["sha256", sha256.artefact],
    ["payload", sha256.payload],
    ["generated", generatedDir],
    ...(report === undefined ? [] : [["report", report] as [string, string]]),
    ...(service === undefined ? [] : [["service", service.join(", ")] as [string, string]]),
    ["time", `${seconds(total)} (${steps.map(({ name, ms }) => `${name} ${seconds(ms)}`).join(", ")})`],
  ]);
}

function fileRow(name: string, file: Pick<Compressed, "outFile" | "bytes"> | undefined): [string, string][] {
  return file === undefined ? [] : [[name, `${megabytes(file.bytes)}, ${file.outFile}`]];
}

/** The same for `--json`. */
export function builtData(design: Design, diagnostics: readonly Diagnostic[], built: Built) {
  const { packed, bundled, generatedDir, steps } = built;
  return {
    ...checkData(design, diagnostics),
    tests: design.plan.tests.length,
    outFile: packed.outFile,
    generatedDir,
    bytes: packed.bytes,
    sha256: packed.sha256,
    glibc: packed.glibc,
    modules: bundled.inputs,
    milliseconds: Object.fromEntries(steps.map(({ name, ms }) => [name, Math.round(ms)])),
  };
}

function routesShare({ inputs }: Built["bundled"]): string {
  const generated = inputs.filter(({ path }) => path.startsWith("generated/"));
  return `${(generated.reduce((sum, { bytes }) => sum + bytes, 0) / 1000).toFixed(1)} kB`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
