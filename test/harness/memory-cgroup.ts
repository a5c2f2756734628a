/**
 * A memory cgroup of its own, as systemd's MemoryMax= makes one: version 1 or 2, whichever this machine has and lets us
 * make. Needs root; without, there is none, and a test says so.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Version {
  readonly root: string;
  readonly limit: string;
  readonly peak: string;
  /** The file with a line that counts processes killed for want of memory. */
  readonly events: string;
}

const VERSIONS: readonly Version[] = [
  { root: "/sys/fs/cgroup", limit: "memory.max", peak: "memory.peak", events: "memory.events" },
  {
    root: "/sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    peak: "memory.max_usage_in_bytes",
    events: "memory.oom_control",
  },
];

export class MemoryCgroup {
  private readonly version: Version;
  private readonly folder: string;

  /** With a limit in bytes; undefined if this machine has no such thing. */
  static make(limitBytes: number): MemoryCgroup | undefined {
    for (const version of VERSIONS) {
      const folder = join(version.root, `hardwire-test-${process.pid}`);
      try {
        mkdirSync(folder);
      } catch {
        continue;
      }
      if (existsSync(join(folder, version.limit))) return new MemoryCgroup(version, folder, limitBytes);
      rmdirSync(folder);
    }
    return undefined;
  }

  private constructor(version: Version, folder: string, limitBytes: number) {
    this.version = version;
    this.folder = folder;
    writeFileSync(join(folder, version.limit), String(limitBytes));
  }

  /** A process enters by writing its number here. */
  get entrance(): string {
    return join(this.folder, "cgroup.procs");
  }

  /** Most bytes so far. */
  get peakBytes(): number {
    return Number(readFileSync(join(this.folder, this.version.peak), "utf8"));
  }

  /** Processes killed. */
  get kills(): number {
    return Number(/^oom_kill (\d+)/m.exec(readFileSync(join(this.folder, this.version.events), "utf8"))![1]);
  }

  /** Only once its processes have ended. */
  remove(): void {
    rmdirSync(this.folder);
  }
}
