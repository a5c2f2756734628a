/** The passes in their order. Each reads the drafts and reports; none changes anything, so that order is for people. */
import { checkConditions } from "./conditions.ts";
import { checkEndpoints } from "./endpoints.ts";
import { checkFeatures } from "./features.ts";
import { checkHeadLimits } from "./head-limits.ts";
import { checkHosts } from "./hosts.ts";
import type { AnalysisInput } from "./input.ts";
import { checkListeners } from "./listeners.ts";
import { checkMethods } from "./methods.ts";
import { checkNames } from "./names.ts";
import { checkOverlaps } from "./overlaps.ts";
import { checkPaths } from "./paths.ts";
import { checkPipelining } from "./pipelining.ts";
import { checkTests } from "./tests.ts";
import { checkTimeouts } from "./timeouts.ts";

const PASSES = [
  checkNames,
  checkPaths,
  checkMethods,
  checkConditions,
  checkHosts,
  checkEndpoints,
  checkListeners,
  checkHeadLimits,
  checkPipelining,
  checkTimeouts,
  checkFeatures,
  checkOverlaps,
  checkTests,
];

export function analyse(input: AnalysisInput): void {
  for (const pass of PASSES) pass(input);
}
