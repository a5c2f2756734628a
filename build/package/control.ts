/** What dpkg and people read about a package: its control file (deb-control(5)) and its changelog. */

import type { Design } from "../compile.ts";
import { VERSION } from "../version.ts";
import { ARCHITECTURE } from "./debian.ts";
import type { File } from "./tar.ts";

export interface Identity {
  readonly name: string;
  readonly release: string;
  readonly maintainer: string;
}

export function makeControl(
  design: Design,
  { name, release, maintainer }: Identity,
  depends: string,
  files: readonly File[],
): string {
  const { plan } = design;
  const listeners = plan.listeners.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`);
  const bytes = files.reduce((sum, { data }) => sum + data.length, 0);
  return `Package: ${name}
Version: ${release}
Architecture: ${ARCHITECTURE[plan.target]}
Maintainer: ${maintainer}
Installed-Size: ${Math.ceil(bytes / 1024)}
Depends: ${depends}
Section: net
Priority: optional
Description: API gateway "${name}", its configuration compiled in
 A service with ${count(plan.routes.length, "route")} to ${count(plan.upstreams.length, "upstream")}, listening on
 ${listeners.join(", ")}.
 .
 There is nothing to configure: another configuration is another package.
 "/usr/lib/${name}/${name} --manifest" says what is in this one.
 It was built by hardwire ${VERSION}.
`;
}

/** For a version that is not a Debian revision of something else ("native"). */
export function makeChangelog({ name, release, maintainer }: Identity, time: Date): string {
  const [weekday, day, month, year, clock] = time.toUTCString().replace(",", "").split(" ");
  const date = `${weekday}, ${day} ${month} ${year} ${clock} +0000`;
  return `${name} (${release}) stable; urgency=medium\n\n  * Built by hardwire ${VERSION}.\n\n -- ${maintainer}  ${date}\n`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
