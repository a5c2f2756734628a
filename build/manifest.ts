/** The manifest that lies in every executable: what was built, from what. manifest/shape.ts says what it looks like. */
import { createHash } from "node:crypto";
import { descriptorBudget } from "./budget/descriptors.ts";
import { memoryBudget } from "./budget/memory.ts";
import type { Bundle } from "./bundle.ts";
import type { Design } from "./compile.ts";
import { describeBudget, describePlan } from "./manifest/describe.ts";
import { MANIFEST_VERSION, type Manifest } from "./manifest/shape.ts";
import { addonPackage, addonPins, NODE_VERSION, runtimePins } from "./pins.ts";
import { VERSION } from "./version.ts";

export function makeManifest({ plan, floor, overrides, routes, target }: Design, bundled: Bundle): Manifest {
  return {
    manifest: MANIFEST_VERSION,
    name: plan.name,
    target: plan.target,
    versions: { hardwire: VERSION, node: NODE_VERSION, uwebsockets: addonPackage.version },
    glibc: floor,
    ...describePlan(plan),
    budget: {
      memory_bytes: describeBudget(memoryBudget(plan)),
      descriptors: describeBudget(descriptorBudget(plan)),
    },
    overrides: [...overrides],
    tests: plan.tests.length,
    sha256: {
      routes: sha256(routes.source.text),
      // As `cat` of the file and of those it extends, in turn.
      target: sha256([target.source, ...(target.source.extended ?? [])].map(({ text }) => text).join("")),
      program: bundled.sha256,
      runtime: runtimePins[plan.target].preparedSha256,
      addon: addonPins[plan.target].preparedSha256,
    },
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
