/**
 * An OCI image layout to build images upon, made with umoci of the C and C++ libraries that this machine has, so that
 * what the compiler reads there was written by somebody else.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";

const TOOLS = ["umoci", "skopeo"];

/** False, or why a test of images is skipped. */
export const skipWithoutImageTools: string | false = (() => {
  const missing = TOOLS.filter((tool) => !existsSync(`/usr/bin/${tool}`));
  return missing.length > 0 && `not installed: ${missing.join(", ")}`;
})();

/** Folder of Debian's libraries for arm64 on other machines, and as which architecture's they count. */
const CROSS = "/usr/aarch64-linux-gnu/lib";
export const hasForeignLibraries = existsSync(`${CROSS}/libstdc++.so.6`);

/** This machine's libraries by the paths that the loader finds them at. */
export function ownLibraries(): Map<string, string> {
  const listing = execFileSync("ldd", [process.execPath], { encoding: "utf8" });
  const paths = [...listing.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
  return new Map(paths.map((path) => [path, path]));
}

export function foreignLibraries(): Map<string, string> {
  const names = readdirSync(CROSS).filter((name) => /\.so\.\d+$/.test(name));
  return new Map(names.map((name) => [`/lib/${name}`, join(CROSS, name)]));
}

/** @param libraries path in the image → file here */
export function makeImageBase(folder: string, architecture: string, libraries: ReadonlyMap<string, string>): void {
  const image = `${folder}:latest`;
  const bundle = `${folder}.bundle`;
  const umoci = (...args: string[]) => execFileSync("umoci", args, { stdio: ["ignore", "ignore", "inherit"] });
  umoci("init", "--layout", folder);
  umoci("new", "--image", image);
  umoci("config", "--image", image, "--architecture", architecture, "--os", "linux");
  umoci("unpack", "--rootless", "--image", image, bundle);
  for (const [path, file] of libraries) {
    const copy = join(bundle, "rootfs", path);
    mkdirSync(dirname(copy), { recursive: true });
    copyFileSync(file, copy);
  }
  umoci("repack", "--image", image, bundle);
}
