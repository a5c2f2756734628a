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

/** Whether some request meets all of `own` and fails at least one condition of each of `others`. */
export function canAvoid(own: readonly Condition[], others: readonly (readonly Condition[])[]): boolean {
  const known = new Map<string, boolean>();
  for (const condition of own) known.set(subjectOf(condition), condition.test !== "absent");
  const open = others.filter((list) => !list.some((condition) => failsByValue(own, condition)));
  return solve(open, known, { steps: 10_000 });
}

function subjectOf({ on, name }: Condition): string {
  return `${on} ${name}`;
}

/** Whether a value can fail the condition, or has to be there to fail it: always possible, whatever else is asked for. */
function failsByValue(own: readonly Condition[], condition: Condition): boolean {
  if (condition.test === "present" || condition.test === "absent") {
    const other = counterpart(own, condition);
    return other !== undefined && (condition.test === "present") === (other.test === "absent");
  }
  const other = counterpart(own, condition);
  return other === undefined || !follows(condition, other);
}

/** What is left is only about being there: chosen one after the other, with a way back. */
function solve(
  open: readonly (readonly Condition[])[],
  known: Map<string, boolean>,
  left: { steps: number },
  at = 0,
): boolean {
  // After too many ways: what cannot be shown is not reported.
  if (at === open.length || --left.steps < 0) return true;
  for (const condition of open[at]!) {
    if (condition.test !== "present" && condition.test !== "absent") continue;
    const subject = subjectOf(condition);
    const wanted = condition.test === "absent";
    const isThere = known.get(subject);
    if (isThere === !wanted) continue;
    known.set(subject, wanted);
    if (solve(open, known, left, at + 1)) return true;
    if (isThere === undefined) known.delete(subject);
  }
  return false;
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
