/** Everything `hardwire explain` says, as data: a function of the plan. */
import { descriptorBudget } from "../budget/descriptors.ts";
import { memoryBudget } from "../budget/memory.ts";
import type { Budget, MemoryTerm } from "../budget/term.ts";
import type { Plan } from "../plan.ts";
import { type Latency, latencyOf } from "./latency.ts";
import { type LimitNote, limitNotes } from "./limits.ts";

export interface Explanation {
  readonly name: string;
  readonly target: string;
  readonly routes: readonly RouteExplanation[];
  readonly limits: readonly LimitNote[];
  readonly memory: Budget<MemoryTerm>;
  readonly descriptors: Budget;
}

export interface RouteExplanation {
  readonly name: string;
  readonly source: string;
  /** Null where a feature answers. */
  readonly upstream: string | null;
  readonly latency: Latency | null;
}

export function explain(plan: Plan): Explanation {
  return {
    name: plan.name,
    target: plan.target,
    routes: plan.routes.map((route) => ({
      name: route.name,
      source: route.source,
      upstream: plan.upstreams[route.upstream]?.name ?? null,
      latency: latencyOf(route, plan) ?? null,
    })),
    limits: limitNotes(plan),
    memory: memoryBudget(plan),
    descriptors: descriptorBudget(plan),
  };
}
