/**
 * The language in one place: checks both files against their schemas, feature keys included. The schemas are the only
 * source of what may be written; see schema/routes.ts and schema/target.ts.
 */
import type { Problems } from "./diagnostics.ts";
import type { Feature } from "./feature.ts";
import { type Draft, explain } from "./schema/explain.ts";
import { type RoutesFile, routesSchema } from "./schema/routes.ts";
import { type TargetFile, targetSchema } from "./schema/target.ts";
import type { Path } from "./source.ts";

export function checkRoutesFile(problems: Problems, features: readonly Feature[]): Draft<RoutesFile> | undefined {
  const featureKeys = new Set(features.flatMap(({ routeKeys }) => Object.keys(routeKeys)));
  const programKeys = new Set(features.flatMap(({ programKeys = {} }) => Object.keys(programKeys)));
  // A feature never sees a value that is wrong in part: its whole key is cut out.
  const wholeAt = (path: Path): number | undefined => {
    if (path[0] === "observability") return programKeys.has(String(path[1])) ? 2 : undefined;
    const keyAt = path[0] === "routes" ? 2 : 1;
    return featureKeys.has(String(path[keyAt])) ? keyAt + 1 : undefined;
  };
  return explain(problems, routesSchema(features), wholeAt);
}

export function checkTargetFile(problems: Problems): Draft<TargetFile> | undefined {
  return explain(problems, targetSchema);
}
