/**
 * JSON Schema of both files, for editors and for other tools: made from the zod schemas, the features' keys included.
 * It knows shapes, units and names. What takes several values to see (two routes on one path, an upstream that is not
 * there) only `hardwire check` finds.
 */
import { type ZodType, z } from "zod";
import type { Feature } from "../feature.ts";
import { routesSchema } from "./routes.ts";
import { targetSchema } from "./target.ts";

/** As zod names them. draft-07 is what editors know best. */
export const DRAFTS = { "draft-07": "draft-7", "2020-12": "draft-2020-12" } as const;
export type Draft = keyof typeof DRAFTS;

type Json = Readonly<Record<string, unknown>>;

export function routesJsonSchema(features: readonly Feature[], draft: Draft): Json {
  return convert("hardwire routes file, version 1", routesSchema(features), draft);
}

/** A target that extends another may leave out anything: the other may have it. */
export function targetJsonSchema(draft: Draft): Json {
  const whole = convert("hardwire target file, version 1", targetSchema, draft);
  return { ...withoutRequired(whole), if: { required: ["extends"] }, else: onlyRequired(whole) };
}

function convert(title: string, schema: ZodType, draft: Draft): Json {
  const { $schema, ...rest } = z.toJSONSchema(schema, { target: DRAFTS[draft], io: "input" });
  return { $schema, title, ...rest };
}

function withoutRequired(node: Json): Json {
  const { required: _required, ...rest } = node;
  return mapParts(rest, withoutRequired);
}

/** The schema reduced to which keys must be there. */
function onlyRequired(node: Json): Json {
  const { required, properties, additionalProperties, items } = node;
  return mapParts(
    {
      ...(required !== undefined && { required }),
      ...(properties !== undefined && { properties }),
      ...(isJson(additionalProperties) && { additionalProperties }),
      ...(isJson(items) && { items }),
    },
    onlyRequired,
  );
}

function mapParts(node: Json, map: (part: Json) => Json): Json {
  const { properties, additionalProperties, items, ...rest } = node;
  return {
    ...rest,
    ...(isJson(properties) && {
      properties: Object.fromEntries(Object.entries(properties).map(([key, part]) => [key, map(part as Json)])),
    }),
    ...(additionalProperties !== undefined && {
      additionalProperties: isJson(additionalProperties) ? map(additionalProperties) : additionalProperties,
    }),
    ...(items !== undefined && { items: isJson(items) ? map(items) : items }),
  };
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
