/** What the plan leaves open and memory decides. */
import type { Plan } from "../plan.ts";
import { memoryBudget } from "./memory.ts";

/**
 * One read of an upstream, largest first. The large one takes a tenth less CPU for a body of 1 MB; but a slow client
 * may hold one whole read, and with all of them slow it is the largest term there is.
 */
const READ_BYTES = [128 << 10, 64 << 10] as const;

/** The plan with the largest reads that its budget has room for. */
export function fitReads(plan: Plan): Plan {
  const candidates = READ_BYTES.map((readBytes) => ({ ...plan, limits: { ...plan.limits, readBytes } }));
  const fitting = candidates.find((candidate) => {
    const { total, limit } = memoryBudget(candidate);
    return limit === undefined || total <= limit;
  });
  return fitting ?? candidates.at(-1)!;
}
