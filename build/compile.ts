/**
 * The pipeline, top to bottom: load → check → plan → emit → bundle → gate → pack. Each step is a function of the one
 * before it; the files at both ends are the only effects. Nothing here prints or ends the process.
 */
import { rmdirSync } from "node:fs";
import { mkdir, mkdtemp, rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { analyse } from "./analyse/index.ts";
import { checkBudgets } from "./budget/check.ts";
import { fitReads } from "./budget/fit.ts";
import { heapLimitOf } from "./budget/heap.ts";
import { type Bundle, bundle } from "./bundle.ts";
import { type Diagnostic, hasErrors, inFileOrder, type Problems } from "./diagnostics.ts";
import { emit, GENERATED_FILES } from "./emit/index.ts";
import type { Feature } from "./feature.ts";
import { codesWith, findFeatures } from "./features.ts";
import { gate } from "./gate.ts";
import { findLeaks, here } from "./leaks.ts";
import { load } from "./load.ts";
import { loadTarget } from "./load-target.ts";
import { makePlan } from "./make-plan.ts";
import { makeManifest } from "./manifest.ts";
import { applyOverrides } from "./overrides.ts";
import { PackError, type PackReport, pack } from "./pack.ts";
import type { Plan } from "./plan.ts";
import { runRouteTests, type TestResult } from "./route-tests.ts";
import { GLIBC_FLOOR, PAYLOAD_BYTES_MAX } from "./schema/defaults.ts";
import type { RoutesFile } from "./schema/routes.ts";
import type { TargetFile } from "./schema/target.ts";
import { parseSizeBytes } from "./schema/units.ts";
import { checkRoutesFile, checkTargetFile } from "./schema.ts";
import { type Leftover, withScratch } from "./scratch.ts";
import { checkService } from "./service/check.ts";
import { positionsIn } from "./source.ts";

const REPOSITORY = join(import.meta.dirname, "..");

export interface Checked {
  /** Errors and warnings of both files, each in file order, the routes file first. */
  readonly diagnostics: readonly Diagnostic[];
  /** Undefined if there is an error. */
  readonly design: Design | undefined;
}

/** What is built, and for what. */
export interface Design {
  readonly plan: Plan;
  /** Oldest glibc that the executable must run on, "2.36". */
  readonly floor: string;
  /** Ceilings of the executable, and of program and constants in it. */
  readonly bytesMax: { readonly binary: number; readonly payload: number };
  /** Of a package, "Name <mail>"; undefined if the target file does not say. */
  readonly maintainer: string | undefined;
  /** Paths of the routes file's values that the target file overrides. */
  readonly overrides: readonly string[];
  /** The files as read. */
  readonly routes: Problems;
  readonly target: Problems;
}

export interface Built {
  readonly packed: PackReport;
  readonly bundled: Bundle;
  /** The folder with the generated TypeScript. */
  readonly generatedDir: string;
  /** Of the routes file's tests; all passed. */
  readonly tests: readonly TestResult[];
  /** Milliseconds of each step, in order. */
  readonly steps: readonly { readonly name: string; readonly ms: number }[];
}

/** The program cannot be made from these files, though each is correct by itself. */
export class InputRefused extends Error {
  readonly diagnostics: readonly Diagnostic[];
  constructor(diagnostics: readonly Diagnostic[]) {
    super("input refused");
    this.diagnostics = diagnostics;
  }
}

/** Everything up to the plan; reads the two files and nothing else. @throws UnreadableInput */
export async function check(routesPath: string, targetPath: string): Promise<Checked> {
  const features = await findFeatures();
  const codes = codesWith(features);
  const written = await load(routesPath, codes);
  const target = await loadTarget(targetPath);
  const routes = applyOverrides(written, target, codes);
  const routesFile = checkRoutesFile(routes, features);
  const targetFile = checkTargetFile(target);
  analyse({ routes, target, routesFile, targetFile, features });
  const diagnostics = inFileOrder([...routes.list(), ...target.list()], [routesPath, targetPath]);
  if (hasErrors(diagnostics)) return { diagnostics, design: undefined };
  // Without an error a draft has no holes.
  const design = makeDesign(routes, target, routesFile as RoutesFile, targetFile as TargetFile, features);
  checkBudgets(design.plan, target);
  checkService(design.plan, routes, target);
  const all = inFileOrder([...routes.list(), ...target.list()], [routesPath, targetPath]);
  return { diagnostics: all, design: hasErrors(all) ? undefined : design };
}

function makeDesign(
  routes: Problems,
  target: Problems,
  routesFile: RoutesFile,
  targetFile: TargetFile,
  features: readonly Feature[],
): Design {
  const positions = positionsIn(routes.source.text);
  const lineOf = (list: "routes" | "tests", index: number) => {
    const spot = routes.source.root.children?.get(list)?.children?.get(index);
    return positions.position(spot?.value[0] ?? 0).line;
  };
  const { binary, payload } = targetFile.size ?? {};
  return {
    plan: fitReads(makePlan(routesFile, targetFile, features, { file: nameInCode(routes.source.file), lineOf })),
    floor: targetFile.libc?.floor ?? GLIBC_FLOOR,
    bytesMax: {
      binary: binary === undefined ? Number.POSITIVE_INFINITY : parseSizeBytes(binary),
      payload: payload === undefined ? PAYLOAD_BYTES_MAX : parseSizeBytes(payload),
    },
    maintainer: targetFile.package?.maintainer,
    overrides: Object.keys(targetFile.overrides ?? {}),
    routes,
    target,
  };
}

/** A relative path as it was given; of any other only its last part, so that no machine's folders get into a build. */
export function nameInCode(file: string): string {
  const isInside = !file.startsWith("/") && !file.split("/").includes("..");
  return isInside ? file.replace(/^(\.\/)+/, "") : file.slice(file.lastIndexOf("/") + 1);
}

/**
 * From a design to one executable, `outFile`, with the generated TypeScript beside it in `outFile.generated`. Until all
 * went well, only scratch files exist, and they are removed.
 *
 * @param onStep gets each step's name when it begins, and lines of progress within it
 * @throws InputRefused; Error with an `exitCode` where something outside is to blame (see pack.ts); else it is a bug
 */
export async function build(design: Design, outFile: string, onStep: (line: string) => void): Promise<Built> {
  const { plan, floor } = design;
  const generatedDir = `${outFile}.generated`;
  const clock = startClock(onStep);
  return await withScratch(async (scratch) => {
    const work = join(dirname(resolve(outFile)), `.${basename(outFile)}.${process.pid}.work`);
    await makeFolders(outFile, work, scratch);

    clock.begin("emit");
    const generated = join(work, "generated");
    await emit(plan, generated);

    clock.begin("bundle");
    const input = { repository: REPOSITORY, generated, features: plan.features };
    const bundled = await bundle(input);

    clock.begin("gate");
    const refused = await gate(input, bundled);
    if (refused.length > 0) throw new Error(`the bundle is not what it must be:\n${refused.join("\n")}`);
    refuseLarge(design, "payload", "the program", bundled.bytes);

    const assets: Record<string, string> = {};
    let tests: readonly TestResult[] = [];
    if (plan.tests.length > 0) {
      clock.begin("test");
      tests = await runRouteTests(input, plan.tests, work);
      refuseFailures(design, tests);
      assets["tests.json"] = join(work, "tests.json");
      await writeFile(assets["tests.json"], JSON.stringify(plan.tests));
    }

    clock.begin("pack");
    const bundlePath = join(work, "gateway.cjs");
    await writeFile(bundlePath, bundled.code);
    const manifest = makeManifest(design, bundled);
    const { oldMib } = heapLimitOf(plan);
    const packed = await pack({
      bundlePath,
      assets,
      manifest,
      target: plan.target,
      floor,
      heapMib: oldMib,
      outFile,
      review: (bytes, added) => {
        refuseLarge(design, "binary", "the executable", bytes);
        refuseLeaks(design, outFile, added);
      },
      onProgress: onStep,
    });

    await keepGenerated(generated, generatedDir);
    return { packed, bundled, generatedDir, tests, steps: clock.end() };
  });
}

/** Runs the routes file's tests against the code generated for it, and writes nothing. */
export async function testRoutes({ plan }: Design): Promise<TestResult[]> {
  return await withScratch(async (scratch) => {
    const work = await mkdtemp(join(tmpdir(), "hardwire-test-routes-"));
    scratch.push(work);
    const generated = join(work, "generated");
    await emit(plan, generated);
    return await runRouteTests({ repository: REPOSITORY, generated, features: plan.features }, plan.tests, work);
  });
}

/** Every departure of a test, with its place in the routes file. */
export function failuresOf({ routes }: Design, results: readonly TestResult[]): Diagnostic[] {
  for (const [index, { failures }] of results.entries()) {
    for (const { path, message } of failures) {
      const at = path.length === 0 ? ["request"] : ["expect", ...path];
      routes.error("HW1604", ["tests", index, ...at], message);
    }
  }
  return routes.list().filter(({ severity }) => severity === "error");
}

function refuseFailures(design: Design, results: readonly TestResult[]): void {
  const failures = failuresOf(design, results);
  if (failures.length > 0) throw new InputRefused(failures);
}

/**
 * The folder that the file goes into, which stays only if something comes into it, and one to work in. Only these,
 * since Node's recursive mkdir never returns under /proc.
 */
async function makeFolders(outFile: string, work: string, scratch: Leftover[]): Promise<void> {
  const folder = dirname(work);
  try {
    const isNew = await mkdir(folder).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
        return false;
      },
    );
    if (isNew) scratch.push(() => removeIfEmpty(folder));
    scratch.push(work);
    await mkdir(work);
  } catch (error) {
    throw new PackError(`cannot write ${outFile}: ${(error as Error).message}`, 73);
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "ENOENT") throw error;
  }
}

function startClock(onStep: (line: string) => void) {
  const steps: { name: string; ms: number }[] = [];
  let started = performance.now();
  const stop = () => {
    const now = performance.now();
    if (steps.length > 0) steps.at(-1)!.ms = now - started;
    started = now;
  };
  return {
    begin(name: string) {
      stop();
      steps.push({ name, ms: 0 });
      onStep(name);
    },
    end() {
      stop();
      return steps;
    },
  };
}

function refuseLeaks({ routes, target }: Design, outFile: string, added: string): void {
  const inputs = [routes.source, target.source, ...(target.source.extended ?? [])];
  const leaks = findLeaks(added, inputs, here(REPOSITORY, outFile, inputs));
  if (leaks.length === 0) return;
  throw new PackError(`${outFile} was not written, since whoever has it could read\n  ${leaks.join("\n  ")}`, 65);
}

function refuseLarge({ target, bytesMax }: Design, key: "binary" | "payload", what: string, bytes: number): void {
  if (bytes <= bytesMax[key]) return;
  const advice = key === "payload" ? `use fewer routes or features, or raise size.${key}` : `raise size.${key}`;
  target.error("HW1406", ["size", key], `${what} has ${bytes} bytes, the ceiling is ${bytesMax[key]}; ${advice}`);
  throw new InputRefused(target.list().filter(({ severity }) => severity === "error"));
}

/** File by file: the folder may be someone's, and nothing in it is removed. */
async function keepGenerated(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const file of GENERATED_FILES) await rename(join(from, file), join(to, file));
}
