/**
 * The pipeline, top to bottom: load → check → plan → emit → bundle → gate → pack. Each step is a function of the one
 * before it; the files at both ends are the only effects. Nothing here prints or ends the process.
 */
import { analyse } from "./analyse/index.ts";
import { type Diagnostic, hasErrors, type Problems } from "./diagnostics.ts";
import type { Feature } from "./feature.ts";
import { codesWith, findFeatures } from "./features.ts";
import { load } from "./load.ts";
import { makePlan } from "./make-plan.ts";
import type { Plan } from "./plan.ts";
import { GLIBC_FLOOR, PAYLOAD_BYTES_MAX } from "./schema/defaults.ts";
import type { RoutesFile } from "./schema/routes.ts";
import type { TargetFile } from "./schema/target.ts";
import { parseSizeBytes } from "./schema/units.ts";
import { checkRoutesFile, checkTargetFile } from "./schema.ts";
import { positionsIn } from "./source.ts";

export interface Checked {
  /** Errors and warnings of both files, each in file order, the routes file first. */
  readonly diagnostics: readonly Diagnostic[];
  /** Undefined if there is an error. */
  readonly design: Design | undefined;
}

/** What is built, and for what. */
export interface Design {
  readonly plan: Plan;
  /** Oldest glibc that the executable must run on, "2.36". */
  readonly floor: string;
  readonly payloadBytesMax: number;
  /** The files as read, for their hashes. */
  readonly routesText: string;
  readonly targetText: string;
}

/** Everything up to the plan; reads the two files and nothing else. @throws UnreadableInput */
export async function check(routesPath: string, targetPath: string): Promise<Checked> {
  const features = await findFeatures();
  const routes = await load(routesPath, codesWith(features));
  const target = await load(targetPath);
  const routesFile = checkRoutesFile(routes, features);
  const targetFile = checkTargetFile(target);
  analyse({ routes, target, routesFile, targetFile, features });
  const diagnostics = [...routes.list(), ...target.list()];
  if (hasErrors(diagnostics)) return { diagnostics, design: undefined };
  // Without an error a draft has no holes.
  return {
    diagnostics,
    design: makeDesign(routes, target, routesFile as RoutesFile, targetFile as TargetFile, features),
  };
}

function makeDesign(
  routes: Problems,
  target: Problems,
  routesFile: RoutesFile,
  targetFile: TargetFile,
  features: readonly Feature[],
): Design {
  const positions = positionsIn(routes.source.text);
  const lineOf = (route: number) => {
    const spot = routes.source.root.children?.get("routes")?.children?.get(route);
    return positions.position(spot?.value[0] ?? 0).line;
  };
  return {
    plan: makePlan(routesFile, targetFile, features, { file: nameInCode(routes.source.file), lineOf }),
    floor: targetFile.libc?.floor ?? GLIBC_FLOOR,
    payloadBytesMax:
      targetFile.size?.payload === undefined ? PAYLOAD_BYTES_MAX : parseSizeBytes(targetFile.size.payload),
    routesText: routes.source.text,
    targetText: target.source.text,
  };
}

/** A relative path as it was given; of any other only its last part, so that no machine's folders get into a build. */
function nameInCode(file: string): string {
  const isInside = !file.startsWith("/") && !file.split("/").includes("..");
  return isInside ? file.replace(/^(\.\/)+/, "") : file.slice(file.lastIndexOf("/") + 1);
}
