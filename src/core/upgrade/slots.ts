/**
 * Where the builds of this program lie on a device, and which is which. Links are replaced in one step and reach the
 * disk before anything relies on them, so that a power cut leaves the old state or the new one.
 *
 * ```
 * /opt/NAME/3f9a0c11d2e4/NAME      a build, by the hash of its manifest
 * /opt/NAME/current  -> BUILD      what the service manager starts
 * /opt/NAME/previous -> BUILD      what `rollback` goes back to
 * /opt/NAME/next     -> BUILD      what is on trial
 * ```
 */
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { getRawAsset } from "node:sea";
import { name } from "#generated/tables.ts";

export type Link = "current" | "previous" | "next";

const LINKS: readonly Link[] = ["current", "previous", "next"];
const BUILD = /^[0-9a-f]{12}$/;

/** Of this executable: the first 12 hex digits of its manifest's SHA-256. */
export function ownBuild(): string {
  return createHash("sha256")
    .update(new Uint8Array(getRawAsset("manifest.json")))
    .digest("hex")
    .slice(0, 12);
}

export class Slots {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** @param root prefix of the device's own folders, "" on the device itself */
  static under(root: string): Slots {
    return new Slots(join("/", root, "opt", name));
  }

  /** Those that this process was started from; undefined where it lies elsewhere. */
  static ofThisProcess(): Slots | undefined {
    const slot = dirname(process.execPath);
    return BUILD.test(slot.slice(-12)) && slot.at(-13) === "/" ? new Slots(dirname(slot)) : undefined;
  }

  slotOf(build: string): string {
    return join(this.folder, build);
  }

  fileOf(build: string): string {
    return join(this.folder, build, name);
  }

  /** The build that a link names; undefined without one. */
  read(link: Link): string | undefined {
    try {
      const build = readlinkSync(join(this.folder, link));
      return BUILD.test(build) ? build : undefined;
    } catch {
      return undefined;
    }
  }

  /** @throws Error of the file system */
  set(link: Link, build: string): void {
    const temporary = join(this.folder, `.${link}`);
    rmSync(temporary, { force: true });
    symlinkSync(build, temporary);
    renameSync(temporary, join(this.folder, link));
    syncFolder(this.folder);
  }

  /** @throws Error of the file system */
  remove(link: Link): void {
    rmSync(join(this.folder, link), { force: true });
    syncFolder(this.folder);
  }

  /** Removes every build that no link names. @throws Error of the file system */
  clean(): void {
    const kept = LINKS.map((link) => this.read(link));
    for (const entry of readdirSync(this.folder)) {
      if (BUILD.test(entry) && !kept.includes(entry)) rmSync(this.slotOf(entry), { recursive: true });
    }
  }
}

/** Brings what was renamed or removed in a folder to the disk. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
