/** Conditions compared with each other: whether one follows from another, and whether some request meets several. */
import type { Condition, RouteMatch } from "../plan.ts";

/** The other route's condition on the same thing. */
function counterpart(conditions: readonly Condition[], { on, name }: Condition): Condition | undefined {
  return conditions.find((other) => other.on === on && other.name === name);
}

/** Whether whatever meets `narrow` meets `wide`; both are on the same name. */
function follows(wide: Condition, narrow: Condition): boolean {
  switch (wide.test) {
    case "absent":
      return narrow.test === "absent";
    case "present":
      return narrow.test !== "absent";
    case "prefix":
      return (narrow.test === "exact" || narrow.test === "prefix") && narrow.value.startsWith(wide.value);
    default:
      return narrow.test === "exact" && narrow.value === wide.value;
  }
}

/** Whether every request that meets all of `narrow` meets all of `wide`. */
export function allFollow(wide: readonly Condition[], narrow: readonly Condition[]): boolean {
  return wide.every((condition) => {
    const other = counterpart(narrow, condition);
    return other !== undefined && follows(condition, other);
  });
}

/** Whether some request meets both lists. */
export function areCompatible(a: readonly Condition[], b: readonly Condition[]): boolean {
  return a.every((condition) => {
    const other = counterpart(b, condition);
    if (other === undefined || follows(condition, other) || follows(other, condition)) return true;
    return false;
  });
}

/**
 * Sorts the more specific first, on one path and one host: a route that names listeners, then one that names methods,
 * then the one with more conditions, then the one whose conditions are narrower. Where none is narrower than the other
 * the routes do not meet, or the checker has refused them.
 */
export function compareMatches(a: RouteMatch, b: RouteMatch): number {
  const unnamed = (value: unknown) => (value === undefined ? 1 : 0);
  return (
    unnamed(a.listeners) - unnamed(b.listeners) ||
    unnamed(a.methods) - unnamed(b.methods) ||
    b.conditions.length - a.conditions.length ||
    narrowness(b.conditions) - narrowness(a.conditions)
  );
}

/** Grows when a condition is replaced by one that it follows from. */
function narrowness(conditions: readonly Condition[]): number {
  let sum = 0;
  for (const { test, value } of conditions) sum += test === "exact" ? 10_000 : value.length;
  return sum;
}
