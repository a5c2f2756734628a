/**
 * A whole machine under qemu: the Debian root of the lab in memory, a kernel of its own, systemd as process 1. For what
 * the other machines cannot show: a memory controller of cgroup version 2, and arm64 as its own kernel sees it. Ten to
 * thirty times as slow as the host, so it is asked for one script and ends.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, cpSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { atEnd } from "../harness/at-end.ts";
import { runFolder } from "../harness/run-folder.ts";
import type { Architecture } from "./apart.ts";
import { debianKernel } from "./kernel.ts";
import { whyNot } from "./needs.ts";
import { debianRoot } from "./root.ts";

interface Kind {
  readonly program: string;
  readonly debianPackage: string;
  readonly options: readonly string[];
  readonly console: string;
}

const KINDS: Record<Architecture, Kind> = {
  x64: { program: "qemu-system-x86_64", debianPackage: "qemu-system-x86", options: [], console: "ttyS0" },
  arm64: {
    program: "qemu-system-aarch64",
    debianPackage: "qemu-system-arm",
    options: ["-machine", "virt", "-cpu", "cortex-a57"],
    console: "ttyAMA0",
  },
};
const MEMORY_MIB = 3072;
const BEGIN = "== the lab's script begins";
const END = "== the lab's script ends with ";
/** What programs here do not need takes memory twice while the kernel unpacks it. */
const LEFT_OUT = ["./var/cache", "./var/lib/apt", "./usr/share/doc", "./usr/share/locale"];

/** False, or why the tests with these machines are skipped. */
export function emulatorMissing(architecture: Architecture): string | false {
  const { program, debianPackage } = KINDS[architecture];
  return whyNot([
    [`/usr/bin/${program}`, debianPackage],
    ["/usr/bin/cpio", "cpio"],
  ]);
}

interface Visit {
  readonly architecture: Architecture;
  /** The host's, by the path that they get. */
  readonly files: Readonly<Record<string, string>>;
  /** For bash, as root, once systemd is up; it ends at the first command that fails. */
  readonly script: string;
  readonly limitMs: number;
}

/** Returns what the script said. @throws AssertionError with all that the machine said if it did not end with 0 */
export async function visit({ architecture, files, script, limitMs }: Visit): Promise<string> {
  const { program, options, console } = KINDS[architecture];
  const folder = mkdtempSync(join(runFolder(), "emulated-"));
  const disk = join(folder, "disk");
  archive(await debianRoot(architecture), disk);
  archive(layOut(join(folder, "more"), console, files, script), disk);
  const child = spawn(
    program,
    [
      ...[...options, "-accel", "tcg,thread=multi", "-smp", "2", "-m", String(MEMORY_MIB)],
      ...["-display", "none", "-monitor", "none", "-nic", "none", "-serial", "stdio", "-no-reboot"],
      ...["-kernel", await debianKernel(architecture), "-initrd", disk],
      "-append",
      `rdinit=/lib/systemd/systemd console=${console} panic=-1 mitigations=off quiet loglevel=1 systemd.show_status=0 systemd.getty_auto=no`,
    ],
    { stdio: ["ignore", "pipe", "inherit"], timeout: limitMs, killSignal: "SIGKILL" },
  );
  atEnd(() => child.kill("SIGKILL"));
  let told = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    told += text.replaceAll("\r", "");
  });
  await once(child, "close");
  rmSync(folder, { recursive: true });
  const said = told.slice(told.indexOf(BEGIN) + BEGIN.length, told.indexOf(END));
  assert.ok(told.includes(`${END}0\n`), told);
  return said;
}

/** What the machine has beside Debian. Returns the folder. */
function layOut(folder: string, console: string, files: Visit["files"], script: string): string {
  const units = join(folder, "etc/systemd/system");
  mkdirSync(join(units, "multi-user.target.wants"), { recursive: true });
  for (const [path, from] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    cpSync(from, join(folder, path));
  }
  mkdirSync(join(folder, "lab"), { recursive: true });
  writeFileSync(join(folder, "lab/script"), script);
  writeFileSync(
    join(folder, "lab/run"),
    `exec >/dev/${console} 2>&1\nsystemctl is-system-running --wait\necho "${BEGIN}"\nbash -eo pipefail /lab/script; status=$?\n[ $status = 0 ] || journalctl --no-pager --lines=40\necho "${END}$status"\nsystemctl poweroff\n`,
  );
  const unit = "[Service]\nExecStart=bash /lab/run\n";
  writeFileSync(join(units, "lab.service"), unit);
  symlinkSync("../lab.service", join(units, "multi-user.target.wants/lab.service"));
  return folder;
}

/** Adds a folder's files to what the kernel unpacks as its root. */
function archive(folder: string, disk: string): void {
  const skip = LEFT_OUT.flatMap((path) => ["-path", path, "-prune", "-o"]);
  const list = execFileSync("find", [".", ...skip, "-print0"], { cwd: folder, maxBuffer: 64 << 20 });
  const out = openSync(disk, "a");
  const options = ["--quiet", "--null", "--create", "--format=newc"];
  execFileSync("cpio", options, { cwd: folder, input: list, stdio: ["pipe", out, "inherit"] });
  closeSync(out);
}
