/** What every pass gets. Passes only read it, and report into `routes` or `target`. */
import type { Problems } from "../diagnostics.ts";
import type { Feature } from "../feature.ts";
import type { Draft } from "../schema/explain.ts";
import type { RouteEntry, RoutesFile, UpstreamEntry } from "../schema/routes.ts";
import type { TargetFile } from "../schema/target.ts";

export interface AnalysisInput {
  readonly routes: Problems;
  readonly target: Problems;
  /** Undefined where a file could not be understood at all. */
  readonly routesFile: Draft<RoutesFile> | undefined;
  readonly targetFile: Draft<TargetFile> | undefined;
  readonly features: readonly Feature[];
}

/** The entries of `routes` that are mappings, with their index; wrong ones were reported already. */
export function routesOf(input: AnalysisInput): [index: number, route: Draft<RouteEntry>][] {
  const routes = input.routesFile?.routes ?? [];
  return [...routes.entries()].filter((entry): entry is [number, Draft<RouteEntry>] => entry[1] !== undefined);
}

/** The entries of `upstreams` that are mappings; wrong ones are left out. */
export function upstreamsOf(input: AnalysisInput): [name: string, upstream: Draft<UpstreamEntry>][] {
  const upstreams = Object.entries(input.routesFile?.upstreams ?? {});
  return upstreams.filter((entry): entry is [string, Draft<UpstreamEntry>] => entry[1] !== undefined);
}
