/**
 * What features do for the whole program (`observability`), and the admin listeners that follow from it: those that a
 * feature's page names. They serve pages and no route, to this machine alone unless the target says otherwise in words.
 */
import type { Feature, Problem, ProgramUse, ProgramView, RouteView } from "../feature.ts";
import { didYouMean } from "../near-miss.ts";
import { EXCHANGES_MAX } from "../schema/defaults.ts";
import type { Draft } from "../schema/explain.ts";
import type { RoutesFile } from "../schema/routes.ts";
import type { TargetFile } from "../schema/target.ts";
import { type AnalysisInput, routesOf } from "./input.ts";
import { parseAddress } from "./listen-address.ts";

type Files = Pick<AnalysisInput, "routesFile" | "targetFile" | "features">;
type Values = Readonly<Record<string, unknown>>;

export function checkProgram(input: AnalysisInput): void {
  const pages = new Map<string, string>();
  for (const feature of input.features) {
    const values = valuesOf(feature, input.routesFile);
    if (values === undefined) continue;
    let correct = true;
    const problem: Problem = (code, path, message) => {
      correct = false;
      input.routes.error(code, ["observability", ...path], message);
    };
    const view = viewProgram(input);
    feature.checkProgram?.(values, view, problem);
    if (!correct) continue;
    const key = Object.keys(values)[0]!;
    const { pages: own = [], listeners } = feature.useProgram?.(values, view) ?? {};
    if (listeners !== undefined) checkToldApart(input, listeners.path, listeners.names);
    for (const { listener, path } of own) {
      checkListener(input, key, listener);
      const place = `${listener}${path}`;
      const other = pages.get(place);
      if (other === undefined) pages.set(place, key);
      else problem("HW1209", [key], `${other} has the page ${path} of the listener "${listener}" already`);
    }
  }
  checkReach(input);
}

function checkListener(input: AnalysisInput, key: string, listener: string): void {
  const known = Object.keys(input.targetFile?.listeners ?? {});
  if (known.length > 0 && !known.includes(listener)) {
    const advice = didYouMean(listener, known) || `; add listeners.${listener}: { address: "127.0.0.1:9464" } to it`;
    input.routes.error("HW1206", ["observability", key], `the target has no listener "${listener}"${advice}`);
  }
  for (const [index, route] of routesOf(input)) {
    const at = route.listeners?.indexOf(listener) ?? -1;
    if (at === -1) continue;
    const message = `the listener "${listener}" serves the pages of observability.${key}, and no route`;
    input.routes.error("HW1209", ["routes", index, "listeners", at], message);
  }
}

/** Listeners that requests come by, at which a feature treats them in another way. */
function checkToldApart(input: AnalysisInput, path: readonly (string | number)[], names: readonly string[]): void {
  const known = Object.keys(input.targetFile?.listeners ?? {});
  if (known.length === 0) return;
  const admin = adminListeners(input);
  for (const [index, name] of names.entries()) {
    const at = ["observability", ...path, index];
    if (!known.includes(name)) {
      const near = didYouMean(name, known) || `; it has ${known.join(", ")}`;
      input.routes.error("HW1206", at, `the target has no listener "${name}"${near}`);
    } else if (names.indexOf(name) < index) input.routes.error("HW1305", at, `the listener ${name} is here twice`);
    else if (admin.has(name)) {
      input.routes.error("HW1209", at, `the listener "${name}" serves pages and no route, so no request comes by it`);
    }
  }
}

function checkReach(input: AnalysisInput): void {
  const admin = adminListeners(input);
  for (const [name, listener] of Object.entries(input.targetFile?.listeners ?? {})) {
    if (listener?.address === undefined) continue;
    const path = ["listeners", name];
    const isUnix = listener.address.startsWith("unix:");
    if (!admin.has(name)) {
      if (isUnix) input.target.error("HW1306", [...path, "address"], "only admin listeners can be unix sockets");
      if (listener.reach !== undefined) {
        input.target.error("HW1210", [...path, "reach"], "only admin listeners are kept to this machine", "key");
      }
    } else if (listener.reach === undefined && !isUnix && !isLoopback(listener.address)) {
      const advice = "use 127.0.0.1, [::1] or unix:/run/…, or say reach: network beside it";
      const message = `other machines can reach this admin listener, which asks nobody who they are; ${advice}`;
      input.target.error("HW1210", [...path, "address"], message);
    }
  }
}

/** What is no address is left to its own check. */
function isLoopback(text: string): boolean {
  const address = parseAddress(text);
  return "mistake" in address || address.host === "::1" || address.host.startsWith("127.");
}

/** Names of the target's listeners that serve pages; wrong values are left out. */
export function adminListeners(files: Files): ReadonlySet<string> {
  const uses = programUses(files);
  return new Set([...uses.values()].flatMap(({ pages = [] }) => pages.map(({ listener }) => listener)));
}

/** The target's listeners that serve routes, whose indexes the device knows them by. */
export function routeListeners(files: Files): string[] {
  const admin = adminListeners(files);
  return Object.keys(files.targetFile?.listeners ?? {}).filter((name) => !admin.has(name));
}

/** What each feature does for the program, by its name; of those whose values are right. */
export function programUses(files: Files): Map<string, ProgramUse> {
  const uses = new Map<string, ProgramUse>();
  const view = viewProgram(files);
  for (const feature of files.features) {
    const values = valuesOf(feature, files.routesFile);
    if (values === undefined) continue;
    let correct = true;
    feature.checkProgram?.(values, view, () => {
      correct = false;
    });
    const use = correct ? feature.useProgram?.(values, view) : undefined;
    if (use !== undefined) uses.set(feature.name, use);
  }
  return uses;
}

/** Fields that features set on every route, by their names in lower case, and the key that says so. */
export function fieldsSetBy(files: Files): NonNullable<RouteView["fieldsSet"]> {
  const fieldsSet = { request: new Map<string, string>(), response: new Map<string, string>() };
  for (const [name, { requests }] of programUses(files)) {
    const feature = files.features.find((one) => one.name === name)!;
    const key = `observability.${Object.keys(valuesOf(feature, files.routesFile)!)[0]}`;
    for (const field of requests?.dropRequestFields ?? []) fieldsSet.request.set(field, key);
    for (const field of requests?.dropResponseFields ?? []) fieldsSet.response.set(field, key);
  }
  return fieldsSet;
}

/** Undefined if there is none, or one that is wrong in itself. */
function valuesOf(feature: Feature, routesFile: Draft<RoutesFile> | undefined): Values | undefined {
  const all = (routesFile?.observability ?? {}) as Values;
  const keys = Object.keys(feature.programKeys ?? {}).filter((key) => key in all);
  if (keys.length === 0 || keys.some((key) => all[key] === undefined)) return undefined;
  return Object.fromEntries(keys.map((key) => [key, all[key]]));
}

function viewProgram({ routesFile, targetFile }: Files): ProgramView {
  const upstreams = Object.entries(routesFile?.upstreams ?? {});
  return {
    name: routesFile?.name ?? "",
    target: targetFile?.target ?? "linux-x64",
    isService: targetFile?.service !== undefined,
    routes: (routesFile?.routes ?? []).map((route) => ({
      name: route?.name ?? "",
      path: route?.match?.path ?? route?.match?.path_regex ?? "",
      upstream: route?.upstream,
    })),
    upstreams: upstreams.map(([name, upstream]) => ({
      name,
      endpoints: (upstream?.endpoints ?? []).flatMap((endpoint) => endpoint?.url ?? []),
    })),
    listeners: Object.keys(targetFile?.listeners ?? {}),
    exchangesMax: (targetFile as TargetFile | undefined)?.limits?.in_flight ?? EXCHANGES_MAX,
  };
}
