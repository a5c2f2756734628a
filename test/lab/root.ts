/**
 * A Debian root with systemd: what a freshly flashed device has on it. Made once with debootstrap and kept in the build
 * cache under the hash of its recipe; nobody ever writes to it (machines lay their own disk over it).
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { findCacheFolder, keepInCache } from "../../build/cache.mjs";
import { type Architecture, startApart } from "./apart.ts";

const execute = promisify(execFile);

/** Debian 12, whose glibc is the oldest that a build may need, and one before it. */
export type Suite = "bookworm" | "bullseye";

/** Raise `version` when the way it is made changes. */
const RECIPE = {
  version: 1,
  suite: "bookworm" as Suite,
  variant: "minbase",
  // The last is what the gateway's runtime is linked with.
  packages: ["systemd", "systemd-sysv", "dbus", "libstdc++6"],
} as const;

const HOST = process.arch as Architecture;
const DEBIAN_NAMES = { x64: "amd64", arm64: "arm64" } as const;

/** Its folder. @throws with the end of debootstrap's report */
export function debianRoot(architecture: Architecture, suite = RECIPE.suite): Promise<string> {
  const recipe = JSON.stringify({ ...RECIPE, suite });
  const hash = createHash("sha256").update(recipe).digest("hex").slice(0, 16);
  const path = join(findCacheFolder(), "lab", `${suite}-${architecture}-${hash}`);
  return keepInCache(path, (folder) => makeRoot(folder, architecture, suite));
}

async function makeRoot(folder: string, architecture: Architecture, suite: Suite): Promise<void> {
  const isForeign = architecture !== HOST;
  const options = [
    ...[`--arch=${DEBIAN_NAMES[architecture]}`, `--variant=${RECIPE.variant}`],
    ...[`--include=${RECIPE.packages.join(",")}`, ...(isForeign ? ["--foreign"] : [])],
  ];
  // Unpacked by the host's programs in any case.
  await debootstrap(["debootstrap", ...options, suite, folder, await findMirror()], HOST);
  if (!isForeign) return;
  // In a user namespace there is no mknod; the devices are there already, and this keeps debootstrap from trying it.
  const container = ["env", "container=lxc"];
  await debootstrap([...container, "chroot", folder, "/debootstrap/debootstrap", "--second-stage"], architecture);
}

async function debootstrap(command: readonly string[], architecture: Architecture): Promise<void> {
  const child = startApart(command, architecture);
  const told = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`debootstrap ended with ${code}: ${(await told).join("").slice(-3000)}`);
}

/** Where this machine takes its own Debian packages from. */
async function findMirror(): Promise<string> {
  const mirror = (await askApt()) ?? (await execute("apt-get", ["update", "-qq"]).then(askApt));
  if (mirror === undefined) throw new Error(`apt of this machine has no source of ${RECIPE.suite}`);
  return mirror;
}

/** Undefined also where apt has never been updated. */
async function askApt(): Promise<string | undefined> {
  const format = "$(REPO_URI) $(CODENAME) $(COMPONENT)";
  const { stdout } = await execute("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]);
  const sources = stdout.split("\n").map((line) => line.split(" "));
  return sources.find(([, suite, component]) => suite === RECIPE.suite && component === "main")?.[0];
}
