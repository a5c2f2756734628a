/**
 * `hardwire build --service DIR`: the systemd unit and the kernel settings of one build. Functions of the plan alone,
 * so that the same input gives the same files and no machine's names get into them.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Design, InputRefused } from "../compile.ts";
import { PackError } from "../pack.ts";
import type { Plan } from "../plan.ts";
import { makeSysctl } from "./sysctl.ts";
import { makeUnit } from "./unit.ts";

export { makeSysctl } from "./sysctl.ts";
export { makeUnit } from "./unit.ts";

/** Before a build that would end without its service. @throws InputRefused */
export function refuseServiceless({ plan, target }: Design): void {
  if (plan.service !== undefined) return;
  const advice = "add service: { manager: systemd }, or leave --service out";
  target.error("HW1102", ["service"], `the target does not say how the device runs the executable; ${advice}`);
  throw new InputRefused(target.list().filter(({ severity }) => severity === "error"));
}

/** Text by file name. */
function serviceFiles(plan: Plan): Record<string, string> {
  return { [`${plan.name}.service`]: makeUnit(plan), [`${plan.name}.sysctl.conf`]: makeSysctl(plan) };
}

/** @returns the files' paths @throws PackError 73 if they cannot be written */
export async function writeService(folder: string, plan: Plan): Promise<string[]> {
  const files = Object.entries(serviceFiles(plan)).map(([name, text]) => [join(folder, name), text] as const);
  try {
    // Not recursive, see makeFolders in compile.ts.
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    for (const [file, text] of files) await writeFile(file, text);
  } catch (error) {
    throw new PackError(`cannot write the service to ${folder}: ${(error as Error).message}`, 73);
  }
  return files.map(([file]) => file);
}
