/** Holds the sums against what the target allows. After the plan, since they are functions of it. */
import type { Problems } from "../diagnostics.ts";
import type { Plan } from "../plan.ts";
import { descriptorBudget } from "./descriptors.ts";
import { neededHeapMib } from "./heap.ts";
import { memoryBudget } from "./memory.ts";
import { type Budget, showBytes, type Term } from "./term.ts";

/** Terms named in a message. */
const NAMED = 4;

export function checkBudgets(plan: Plan, target: Problems): void {
  const { heapMib } = plan.memory;
  const needed = neededHeapMib(plan);
  if (heapMib !== undefined && heapMib < needed) {
    const message = `${heapMib}MiB is less than what this plan can need of V8's heap, ${needed}MiB; raise it, or leave it out`;
    target.error("HW1410", ["memory", "heap"], message);
  }
  const memory = memoryBudget(plan);
  if (exceeds(memory)) target.error("HW1408", ["memory", "budget"], complaint(memory, "bytes", showBytes));
  const descriptors = descriptorBudget(plan);
  if (exceeds(descriptors))
    target.error("HW1409", ["limits", "descriptors"], complaint(descriptors, "descriptors", String));
}

function exceeds({ total, limit }: Budget): boolean {
  return limit !== undefined && total > limit;
}

function complaint({ terms, total, limit }: Budget, unit: string, show: (amount: number) => string): string {
  const largest = terms.slice(0, NAMED).map(({ name, amount }) => `${name} ${show(amount)}`);
  const rest = terms.slice(NAMED);
  if (rest.length > 0) largest.push(`${rest.length} more ${show(rest.reduce((sum, { amount }) => sum + amount, 0))}`);
  const over = total - limit!;
  return `the sum is ${total} ${unit}, ${over} more than ${limit}: ${largest.join(", ")}; lower ${advise(terms)}`;
}

/** The settings behind the largest terms that have any. */
function advise(terms: readonly Term[]): string {
  const settings = terms
    .filter(({ setting }) => setting !== undefined && setting !== "memory.heap")
    .slice(0, NAMED)
    .flatMap(({ setting }) => setting!.split(", "));
  return `${[...new Set(settings)].slice(0, NAMED).join(", ")}, or raise this`;
}
