/**
 * A machine's place in every cgroup hierarchy in which systemd manages something: version 1, 2 or both at once,
 * whichever this host has.
 */
import { type Dirent, mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Names end with the number of the process that made them. */
export function makeCgroups(name: string): void {
  for (const hierarchy of findHierarchies()) {
    removeAbandoned(hierarchy);
    mkdirSync(join(hierarchy, name));
  }
}

/** Once its processes have ended, which the kernel notices a moment later. */
export async function removeCgroups(name: string): Promise<void> {
  for (const hierarchy of findHierarchies()) {
    for (let left = TRIES; !removeTree(join(hierarchy, name)) && left > 0; left--) await sleep(TRY_MS);
  }
}

const PREFIX = "hardwire-lab-";
const TRIES = 100;
const TRY_MS = 10;
let made = 0;

export function nameCgroups(): string {
  return `${PREFIX}${made++}-${process.pid}`;
}

function findHierarchies(): string[] {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  return mounts
    .map((line) => line.split(" "))
    .filter(
      ([, , type, options]) => type === "cgroup2" || (type === "cgroup" && /name=systemd|memory|pids/.test(options!)),
    )
    .map(([, folder]) => folder!);
}

/** What a killed test left. */
function removeAbandoned(hierarchy: string): void {
  for (const name of readdirSync(hierarchy)) {
    if (!name.startsWith(PREFIX)) continue;
    try {
      process.kill(Number(name.split("-").at(-1)), 0);
    } catch {
      removeTree(join(hierarchy, name));
    }
  }
}

/** False if a process is in it. */
function removeTree(folder: string): boolean {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return true;
  }
  for (const entry of entries) {
    if (entry.isDirectory() && !removeTree(join(folder, entry.name))) return false;
  }
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
    return false;
  }
}
