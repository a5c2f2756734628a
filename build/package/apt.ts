/**
 * Packages as this machine's Debian sources have them, for any architecture: apt fetches them and checks their
 * signatures, with all of its state in a folder of its own, so that it looks at none of what is installed here.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export class Apt {
  readonly #options: readonly string[];
  readonly #debs: string;

  /** @param folder an empty one @param architecture as Debian names it */
  constructor(folder: string, architecture: string) {
    for (const name of ["state/lists/partial", "cache/archives/partial", "debs"]) {
      mkdirSync(join(folder, name), { recursive: true });
    }
    writeFileSync(join(folder, "status"), "");
    this.#debs = join(folder, "debs");
    this.#options = [
      // Two keys, since one makes the other be looked for in vain: apt takes the second as a list.
      ...[`APT::Architecture=${architecture}`, `APT::Architectures::=${architecture}`],
      ...[`Dir::State=${folder}/state`, `Dir::State::status=${folder}/status`, `Dir::Cache=${folder}/cache`],
      "APT::Sandbox::User=root",
    ].flatMap((option) => ["-o", option]);
    this.#get("update");
  }

  /** Paths of all .deb files downloaded so far. */
  download(...packages: readonly string[]): string[] {
    this.#get("download", ...packages);
    return readdirSync(this.#debs)
      .sort()
      .map((name) => join(this.#debs, name));
  }

  /** The packages that one depends on. */
  dependsOn(name: string): string[] {
    const text = execFileSync("apt-cache", [...this.#options, "depends", name], { encoding: "utf8" });
    return [...text.matchAll(/^ {2}Depends: (\S+)$/gm)].map(([, other]) => other!);
  }

  #get(...command: readonly string[]): void {
    execFileSync("apt-get", ["-qq", ...this.#options, ...command], {
      cwd: this.#debs,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
}
