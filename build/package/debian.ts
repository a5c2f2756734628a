/** What Debian calls things: architectures, the packages that have the libraries, versions. */
import { compareVersions, type VersionNeed } from "../elf/versions.ts";
import { PackError } from "../pack.ts";
import type { Target } from "../pins.ts";

export const ARCHITECTURE: Readonly<Record<Target, string>> = { "linux-x64": "amd64", "linux-arm64": "arm64" };

/** GLIBCXX_… → the GCC release that brought it (libstdc++ manual, ABI policy). */
const GLIBCXX: Readonly<Record<string, string>> = {
  "3.4.21": "5.1",
  "3.4.22": "6.1",
  "3.4.23": "7.1",
  "3.4.24": "7.2",
  "3.4.25": "8.1",
  "3.4.26": "9.1",
  "3.4.27": "9.2",
  "3.4.28": "9.3",
  "3.4.29": "11.1",
  "3.4.30": "12.1",
};

/**
 * The Depends field for what the executable's and the addon's ELF headers ask for, and systemd, whose systemd-notify
 * the program runs.
 */
export function dependsOn(needs: readonly VersionNeed[]): string {
  const newest = (prefix: string) =>
    needs
      .filter(({ version }) => version.startsWith(prefix))
      .map(({ version }) => version.slice(prefix.length))
      .sort(compareVersions)
      .at(-1)!;
  const glibcxx = newest("GLIBCXX_");
  const gcc = GLIBCXX[glibcxx];
  if (gcc === undefined)
    throw new Error(`the runtime needs GLIBCXX_${glibcxx}, and which libstdc++6 has it is not known`);
  return `libc6 (>= ${newest("GLIBC_")}), libgcc-s1 (>= ${newest("GCC_")}), libstdc++6 (>= ${gcc}), systemd`;
}

/**
 * Checks what `--release` says. Both for Debian and for people: a hyphen would begin a Debian revision, and 1.5.0-rc.1
 * would be newer than 1.5.0.
 * @throws PackError 64
 */
export function checkRelease(text: string): string {
  if (/^[0-9][A-Za-z0-9.+~]*$/.test(text)) return text;
  const near = text
    .replace(/^v(?=[0-9])/, "")
    .replace(/-([0-9]+)-g([0-9a-f]+)$/, "+$1.g$2") // of git describe: newer than its tag
    .replace("-", "~")
    .replaceAll("-", ".");
  const hint = /^[0-9][A-Za-z0-9.+~]*$/.test(near) ? `; did you mean ${near}?` : "";
  const form = "a digit, then letters, digits and . + ~ (before ~ comes what is newer: 1.5.0~rc.1 is older than 1.5.0)";
  throw new PackError(`--release is "${text}"; expected a version such as 1.4.2: ${form}${hint}`, 64);
}
