/** The packages that `hardwire build` makes of an executable, for those who asked for them. */
import { type Built, type Design, InputRefused } from "../compile.ts";
import { type MadeFile, makeDeb } from "./deb.ts";
import { ARCHITECTURE, checkRelease } from "./debian.ts";
import { findBase } from "./oci/base.ts";
import { type Image, makeImage } from "./oci/image.ts";

/** As the command line has it. */
export interface Wanted {
  /** Version of what is packaged, not of hardwire. */
  readonly release?: string;
  /** The folder for the .deb. */
  readonly deb?: string;
  /** The folder that becomes an image layout, and the layout that it builds upon. */
  readonly oci?: string;
  readonly base?: string;
}

export interface Packages {
  readonly deb?: MadeFile;
  readonly image?: Image;
}

/**
 * Before a build that would end without its package.
 * @throws InputRefused; PackError 64 for a release that is no version, 65 or 66 for a base that cannot be built upon
 */
export function refuseUnpackable(
  { plan, maintainer, routes, target }: Design,
  { deb, oci, base, release }: Wanted,
): void {
  if (release !== undefined) checkRelease(release);
  if (oci !== undefined) findBase(base!, ARCHITECTURE[plan.target]);
  if (deb === undefined) return;
  if (plan.service === undefined) {
    const advice = "add service: { manager: systemd }, or leave --deb out";
    target.error("HW1102", ["service"], `a .deb installs a service, and this target has none; ${advice}`);
  }
  if (maintainer === undefined) {
    const advice = 'add package: { maintainer: "Plant Operations <operations@example.net>" }';
    target.error("HW1102", ["package"], `a .deb must say who answers for it; ${advice}`);
  }
  if (plan.name.length < 2) routes.error("HW1107", ["name"], "the name of a .deb has two characters at the least");
  const errors = [...routes.list(), ...target.list()].filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new InputRefused(errors);
}

/**
 * @param time RFC 3339, if there is one
 * @param say gets one line when something begins that takes a while
 * @throws PackError 73 if one cannot be written, 65 and 66 of a base; SupplyError
 */
export async function makePackages(
  design: Design,
  built: Built,
  { deb, oci, base, release }: Wanted,
  time: string | undefined,
  say: (line: string) => void,
): Promise<Packages> {
  return {
    ...(deb && { deb: await makeDeb(design, built, { folder: deb, release: release!, time }, say) }),
    ...(oci && { image: await makeImage(design, built, { folder: oci, base: base!, release, time }, say) }),
  };
}
