/** The passes in their order. Each reads the drafts and reports; none changes anything, so that order is for people. */
import { checkConditions } from "./conditions.ts";
import { checkEndpoints } from "./endpoints.ts";
import { checkFeatures } from "./features.ts";
import { checkHeadLimits } from "./head-limits.ts";
import { checkHosts } from "./hosts.ts";
import type { AnalysisInput } from "./input.ts";
import { checkListeners } from "./listeners.ts";
import { checkMetadata } from "./metadata.ts";
import { checkMethods } from "./methods.ts";
import { checkNames } from "./names.ts";
import { checkOverlaps } from "./overlaps.ts";
import { checkPaths } from "./paths.ts";
import { checkPipelining } from "./pipelining.ts";
import { checkPlaintext } from "./plaintext.ts";
import { checkProgram } from "./program.ts";
import { checkRouteLimits } from "./route-limits.ts";
import { checkSecrets } from "./secrets.ts";
import { checkTests } from "./tests.ts";
import { checkTimeouts } from "./timeouts.ts";
import { checkUnreachable } from "./unreachable.ts";
import { checkUnusedTimeouts } from "./unused-timeouts.ts";

const PASSES = [
  checkSecrets,
  checkNames,
  checkPaths,
  checkMethods,
  checkConditions,
  checkHosts,
  checkEndpoints,
  checkMetadata,
  checkPlaintext,
  checkListeners,
  checkHeadLimits,
  checkRouteLimits,
  checkPipelining,
  checkTimeouts,
  checkUnusedTimeouts,
  checkFeatures,
  checkProgram,
  checkOverlaps,
  checkUnreachable,
  checkTests,
];

export function analyse(input: AnalysisInput): void {
  for (const pass of PASSES) pass(input);
}
