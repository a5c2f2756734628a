/** Debian's kernel for virtual machines, from this machine's own Debian sources; kept in the build cache. */
import { execFileSync } from "node:child_process";
import { copyFileSync, globSync } from "node:fs";
import { basename, join } from "node:path";
import { findCacheFolder, keepInCache } from "../../build/cache.mjs";
import { Apt } from "../../build/package/apt.ts";
import type { Architecture } from "./apart.ts";

const DEBIAN_NAMES = { x64: "amd64", arm64: "arm64" } as const;

/** Path of the file that boots. */
export function debianKernel(architecture: Architecture): Promise<string> {
  const name = DEBIAN_NAMES[architecture];
  const path = join(findCacheFolder(), "lab", `kernel-${architecture}`);
  return keepInCache(path, async (file, scratch) => {
    const apt = new Apt(scratch, name);
    const image = apt.dependsOn(`linux-image-cloud-${name}`).find((each) => each.startsWith("linux-image-"))!;
    const deb = apt.download(image).find((each) => basename(each).startsWith(image))!;
    execFileSync("dpkg-deb", ["--extract", deb, join(scratch, "unpacked")]);
    copyFileSync(globSync(join(scratch, "unpacked/boot/vmlinuz-*"))[0]!, file);
  });
}
