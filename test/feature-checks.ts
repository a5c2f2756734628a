/** Asks a feature about one route, as the compiler does: schema, then check, then use. */
import { z } from "zod";
import type { Feature, RouteUse } from "../build/feature.ts";

export interface Asked {
  /** "HW2101 request_headers.set.Host: message"; "schema path: message" for what the schema refuses. */
  readonly problems: readonly string[];
  /** Undefined if there is a problem. */
  readonly use: RouteUse | undefined;
}

type Askable = Pick<Feature, "routeKeys" | "codes" | "check" | "use">;

export function ask(feature: Askable, values: Readonly<Record<string, unknown>>, path = "/a/*"): Asked {
  const shape = Object.fromEntries(Object.entries(feature.routeKeys).map(([key, schema]) => [key, schema.optional()]));
  const parsed = z.strictObject(shape).safeParse(values);
  if (!parsed.success) {
    return {
      problems: parsed.error.issues.map((issue) => `schema ${issue.path.join(".")}: ${issue.message}`),
      use: undefined,
    };
  }
  const problems: string[] = [];
  const pathKind = path.endsWith("/*") ? "prefix" : path.includes("{") ? "template" : "exact";
  const route = { name: "r", path, pathKind, methods: undefined, hosts: undefined, upstream: "api" } as const;
  feature.check?.(values, route, (code, place, message) => {
    if (feature.codes?.[code] === undefined) throw new Error(`${code} is not in the feature's table`);
    problems.push(`${code} ${place.join(".")}: ${message}`);
  });
  return { problems, use: problems.length > 0 ? undefined : feature.use(values, route) };
}
