/**
 * A machine of the lab: Debian with systemd as process 1 in namespaces of its own (PIDs, mounts, network, cgroups), from
 * power on to power off. What it writes goes to its disk; its network is a loopback that nobody else sees. It ends with
 * the test, or with this process, whatever becomes of either.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { atEnd } from "../harness/at-end.ts";
import { runFolder } from "../harness/run-folder.ts";
import { type Apart, type Architecture, startApart } from "./apart.ts";
import { makeCgroups, nameCgroups, removeCgroups } from "./cgroups.ts";
import { debianRoot, type Suite } from "./root.ts";

const BOOT = fileURLToPath(new URL("boot.sh", import.meta.url));
/** Under qemu it takes ten times as long. */
const BOOT_MS = 120_000;
const OFF_MS = 60_000;
const RUN_MS = 60_000;
const POLL_MS = 20;

/** What a machine writes, over layers that stay as they are: a Debian root, and disks that others have written. */
export class Disk {
  readonly folder = mkdtempSync(join(runFolder(), "disk-"));
  readonly below: readonly string[];

  /** @param over the disk of a machine that has been powered off */
  constructor(over?: string) {
    this.below = over === undefined ? [] : [join(over, "upper")];
    for (const part of ["upper", "work", "merged"]) mkdirSync(join(this.folder, part));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Options {
  readonly disk?: Disk;
  readonly readOnly?: boolean;
  readonly unified?: boolean;
  readonly architecture?: Architecture;
  readonly suite?: Suite;
}

export class Machine {
  readonly disk: Disk;
  readonly #child: Apart;
  readonly #ended: Promise<void>;
  #console = "";
  #init = 0;

  /**
   * Returns when systemd says that it is up.
   * @param disk of an earlier machine; a new one is empty
   * @param architecture other than the host's: under qemu
   * @param unified cgroups of version 2 alone, as new systems have them; where this host has both versions there are then
   *   no memory and TasksMax limits, but IPAddressAllow= is kept
   * @param suite of Debian, if not the one that devices have
   * @param readOnly as field devices are: the root cannot be written to, /var is forgotten
   */
  static async boot({
    disk = new Disk(),
    readOnly = false,
    unified = false,
    architecture = process.arch as Architecture,
    suite,
  }: Options = {}): Promise<Machine> {
    const machine = new Machine(await debianRoot(architecture, suite), disk, { readOnly, unified, architecture });
    atEnd(() => machine.#end());
    await machine.#untilUp();
    return machine;
  }

  private constructor(
    root: string,
    disk: Disk,
    { readOnly, unified, architecture }: Required<Omit<Options, "disk" | "suite">>,
  ) {
    this.disk = disk;
    const name = nameCgroups();
    makeCgroups(name);
    const options = [
      ...(readOnly ? ["--read-only", "--volatile=state"] : []),
      // systemd makes the address filter with it, where there are only cgroups of version 2.
      ...(unified ? ["--system-call-filter=bpf", "--capability=CAP_BPF"] : []),
    ];
    const hierarchy = unified ? ["env", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1"] : [];
    const layers = [...disk.below, root].join(":");
    this.#child = startApart([...hierarchy, "/bin/sh", BOOT, layers, disk.folder, name, ...options], architecture);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#console += text;
      });
    }
    this.#ended = once(this.#child, "close").then(() => removeCgroups(name));
  }

  /** Its process 1, as this host numbers it. */
  get init(): number {
    return this.#init;
  }

  /** The command that runs one of this host in its network. */
  inside(file: string, ...args: string[]): [string, string[]] {
    return ["/usr/bin/nsenter", [`--net=/proc/${this.#init}/ns/net`, "--", file, ...args]];
  }

  /** Whether a process of this host is one of the machine's. */
  has(pid: number): boolean {
    return linkOr(`/proc/${pid}/ns/pid`) === linkOr(`/proc/${this.#init}/ns/pid`);
  }

  /** The number by which this host knows a process of the machine. */
  pidOnHost(pid: number): number {
    const found = readdirSync("/proc")
      .map(Number)
      .find((number) => number > 0 && this.has(number) && numbersOf(number).at(-1) === String(pid));
    if (found === undefined) throw this.#failed(`it has no process ${pid}`);
    return found;
  }

  /** Runs a program in it as root, as a login would, and returns what it said. */
  run(
    command: readonly string[],
    { timeoutMs = RUN_MS, input }: { timeoutMs?: number; input?: string } = {},
  ): Promise<Ran> {
    const env = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" };
    return new Promise((resolve, reject) => {
      const child = execFile(
        "/usr/bin/nsenter",
        ["--target", String(this.#init), "--all", "--root", "--wd", "--", ...command],
        { env, timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: 64 << 20 },
        (error, stdout, stderr) => {
          if (error !== null && typeof error.code !== "number") reject(this.#failed(`${command.join(" ")}: ${error}`));
          else resolve({ code: child.exitCode, stdout, stderr });
        },
      );
      child.stdin!.on("error", () => {});
      child.stdin!.end(input);
    });
  }

  /** As `run`, for what must succeed; returns its standard output. */
  async must(...command: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(command);
    assert.equal(code, 0, `${command.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  }

  /** Puts a file of the host into it. */
  async copyIn(from: string, to: string, mode = "0644"): Promise<void> {
    const there = `/proc/${this.#init}/root${to}`;
    await promisify(execFile)("install", ["-D", `--mode=${mode}`, from, there]);
  }

  async write(path: string, text: string): Promise<void> {
    const { code, stderr } = await this.run(["sh", "-c", 'mkdir -p "$(dirname "$0")" && cat >"$0"', path], {
      input: text,
    });
    assert.equal(code, 0, stderr);
  }

  /** Its last words are on the console. */
  async powerOff(): Promise<void> {
    await this.run(["systemctl", "poweroff"]);
    const isOff = await Promise.race([this.#ended.then(() => true), sleep(OFF_MS, false, { ref: false })]);
    if (!isOff) throw this.#failed("it does not power off");
  }

  /** Nobody in it gets to know. */
  async cutPower(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  async #untilUp(): Promise<void> {
    const limit = Date.now() + BOOT_MS;
    for (;;) {
      const ended = this.#child.exitCode !== null || this.#child.signalCode !== null;
      if (ended || Date.now() > limit) throw this.#failed(ended ? "it ended as it booted" : "it does not boot");
      this.#init ||= this.#findInit();
      if (this.#init !== 0) {
        const { stdout, stderr } = await this.run(["systemctl", "is-system-running", "--wait"]);
        if (stdout.trim() !== "" && stdout.trim() !== "offline") return;
        assert.match(stderr + stdout, /connect|offline|^$/);
      }
      await sleep(POLL_MS);
    }
  }

  /** The process that is number 1 in the namespace within ours, once it is systemd. */
  #findInit(): number {
    let level = [this.#child.pid!];
    while (level.length > 0) {
      for (const pid of level) {
        const numbers =
          readOr(`/proc/${pid}/status`)
            .match(/^NSpid:\t(.*)$/m)?.[1]
            ?.split("\t") ?? [];
        if (numbers.length > 2 && numbers.at(-1) === "1" && readOr(`/proc/${pid}/comm`) === "systemd\n") return pid;
      }
      level = level.flatMap((pid) =>
        readOr(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number),
      );
    }
    return 0;
  }

  #failed(what: string): Error {
    return new Error(`a machine of the lab: ${what}\nconsole:\n${this.#console.slice(-4000)}`);
  }

  async #end(): Promise<void> {
    await this.cutPower();
    this.disk.remove();
  }
}

/** A process by the numbers it has in each PID namespace, the host's first. */
function numbersOf(pid: number): string[] {
  return (
    readOr(`/proc/${pid}/status`)
      .match(/^NSpid:\t(.*)$/m)?.[1]
      ?.split("\t") ?? []
  );
}

function linkOr(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** A process may end while one looks at it. */
function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
