/** Sizes of the device's fixed buffers, which follow from the plan: the generated constants and the budget share them. */
import type { Phase, RouteUse, Template } from "./feature.ts";
import type { Plan } from "./plan.ts";
import { HOST_BYTES_MAX, LINE_GROWTH_BYTES, templateBytesMax } from "./template.ts";

export interface Sizes {
  /** A request head towards an upstream: what the client sent and the most that is added. */
  readonly requestHeadBytes: number;
  /** Most bytes that features add to an answer's head. */
  readonly answerHeadAddedBytes: number;
  /** Body windows: a read of an upstream, or a request head and a read of a client. */
  readonly windowsMax: number;
}

/**
 * Fields of a client's head: 100 entries fixed in uWebSockets.js, less two of its own. Each may come without the blank
 * that we put after its colon.
 */
const CLIENT_FIELDS_MAX = 98;
/**
 * Most bytes that the core adds to what the client sent. Its own fields without their values: X-Forwarded-For 19,
 * X-Real-IP 13, X-Forwarded-Proto 21, Via 11, X-Forwarded-Host 20; two addresses of 39, the scheme, a gateway's name
 * of 63, the host; `content-length: 0` where the client sent none. What the client sent is framed as it came.
 */
const CORE_HEAD_BYTES = 19 + 13 + 21 + 11 + 20 + 2 * 39 + 5 + 63 + HOST_BYTES_MAX + 19 + CLIENT_FIELDS_MAX;

/** One for each body whose receiver is slower than its sender; untouched pages of a window cost nothing. */
const WINDOWS_BOUND = 256;

export function sizesOf(plan: Plan): Sizes {
  const growth = hasPhase(plan, "request") ? LINE_GROWTH_BYTES : 0;
  const added = growth + largest(plan, (use) => use.requestHeadBytes);
  return {
    requestHeadBytes: roundUp(plan.limits.clientHeadBytesMax + CORE_HEAD_BYTES + added),
    answerHeadAddedBytes: roundUp(largest(plan, (use) => use.responseHeadBytes)),
    windowsMax: Math.min(2 * plan.limits.exchangesMax, WINDOWS_BOUND),
  };
}

/** Whether any request has a function in this phase. */
export function hasPhase(plan: Plan, phase: Phase): boolean {
  const uses = plan.routes.flatMap((route) => [...route.uses.values()]);
  return uses.some((use) => use.phases[phase] !== undefined);
}

/** Largest sum over the features of one route. */
function largest({ routes, limits }: Plan, sizeOf: (use: RouteUse) => number | Template | undefined): number {
  let most = 0;
  for (const route of routes) {
    let sum = 0;
    for (const use of route.uses.values()) {
      const size = sizeOf(use) ?? 0;
      sum += typeof size === "number" ? size : templateBytesMax(size.text, limits);
    }
    most = Math.max(most, sum);
  }
  return most;
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / 256) * 256;
}
