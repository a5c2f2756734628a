/**
 * A Debian root with systemd: what a freshly flashed device has on it. Made once with debootstrap and kept in the build
 * cache under the hash of its recipe; nobody ever writes to it (machines lay their own disk over it).
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import { findCacheFolder, keepInCache } from "../../build/cache.mjs";

const execute = promisify(execFile);

/** Raise `version` when the way it is made changes. */
const RECIPE = {
  version: 1,
  suite: "bookworm",
  variant: "minbase",
  // The last is what the gateway's runtime is linked with.
  packages: ["systemd", "systemd-sysv", "dbus", "libstdc++6"],
} as const;

const DEBOOTSTRAP_MS = 240_000;

/** Its folder. @throws with the end of debootstrap's report */
export function debianRoot(): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(RECIPE)).digest("hex").slice(0, 16);
  return keepInCache(join(findCacheFolder(), "lab", `${RECIPE.suite}-${hash}`), makeRoot);
}

async function makeRoot(folder: string): Promise<void> {
  const make = [
    ...["debootstrap", `--variant=${RECIPE.variant}`, `--include=${RECIPE.packages.join(",")}`],
    ...[RECIPE.suite, folder, await findMirror()],
  ];
  try {
    // Its mounts and processes end with it.
    await execute("unshare", ["--mount", "--pid", "--mount-proc", "--fork", "--kill-child", ...make], {
      timeout: DEBOOTSTRAP_MS,
      maxBuffer: 64 << 20,
    });
  } catch (error) {
    const { stdout = "", stderr = "", message } = error as Error & { stdout?: string; stderr?: string };
    throw new Error(`debootstrap failed: ${message}\n${stdout.slice(-2000)}${stderr}`);
  }
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
