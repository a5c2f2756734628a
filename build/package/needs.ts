/** Which versions of which libraries a device must have for an executable: its own needs, and those of its addon. */
import { partsOf } from "../compress.ts";
import { readElf } from "../elf/read.ts";
import { readVersionNeeds, type VersionNeed } from "../elf/versions.ts";
import type { Inside } from "../manifest/read.ts";

export function needsOf({ file, data }: Inside): VersionNeed[] {
  const [, , addon] = partsOf(file, data);
  return [...readVersionNeeds(readElf(file, data)), ...readVersionNeeds(readElf("uws.node", addon))];
}
