/**
 * From a bundled program to one executable: bundle, manifest and addon are attached to the slim runtime, the result is verified, and only then takes its name. A build that fails leaves the old file as it was.
 */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { readElf } from "./elf/read.ts";
import { verifyPacked } from "./elf/verify.ts";
import { checkGlibcFloor, compareVersions } from "./elf/versions.ts";
import type { Injection } from "./inject.ts";
import { NODE_VERSION, type Target } from "./pins.ts";
import { digest, type Prepared, prepareAddon, prepareRuntime } from "./runtime.ts";
import { type Leftover, withScratch } from "./scratch.ts";

export interface PackOptions {
  /** The whole program, CommonJS, importing node:* only. */
  readonly bundlePath: string;
  /** Further files of the executable, name on the device → path; "uws.node" and "manifest.json" are taken. */
  readonly assets?: Readonly<Record<string, string>>;
  /** Becomes manifest.json, keys in the order given; without blanks, since 10,000 routes have megabytes. */
  readonly manifest: object;
  readonly target: Target;
  /** Newest glibc version the executable may need: "2.36". */
  readonly floor: string;
  /** Limit of V8's old generation; left out, V8's own choice, which depends on the machine. */
  readonly heapMib?: number;
  readonly outFile: string;
  /** Gets the executable's bytes, and all of it that is neither runtime nor addon as latin1; throws to refuse it. */
  readonly review?: (bytes: number, added: string) => void;
  /** Gets one line when a step begins that takes a while. */
  readonly onProgress: (line: string) => void;
}

export interface PackReport {
  readonly outFile: string;
  readonly bytes: {
    readonly artefact: number;
    readonly runtime: number;
    readonly addon: number;
    readonly bundle: number;
  };
  /**
   * `runtime` and `addon` as they were prepared (runtime.ts). `payload` is what this gateway adds to them, so it changes
   * with the routes and the compiler only: the hash of sha256sum's listing of bundle, manifest and further assets.
   */
  readonly sha256: {
    readonly artefact: string;
    readonly runtime: string;
    readonly addon: string;
    readonly payload: string;
  };
  /** What the executable needs: "2.36". */
  readonly glibc: string;
  readonly seconds: { readonly prepare: number; readonly inject: number; readonly verify: number };
}

/** The executable could not be made; `exitCode` from sysexits.h. */
export class PackError extends Error {
  override readonly name = "PackError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

const NOTE = "NODE_SEA_BLOB";
/** Flipped from :0 by inject.ts; Node looks for its payload only then. */
const FUSE = `${"NODE_SEA_FUSE"}_fce680ab2cc467b6e072b8b5df1996b2:1`;

/**
 * @throws PackError 70 if pkg fails, 73 if `outFile` cannot be written; SupplyError from runtime.ts; ElfError 65 if the
 *   result does not verify
 */
export async function pack(options: PackOptions): Promise<PackReport> {
  const start = performance.now();
  const runtime = await prepareRuntime(options.target, options.onProgress);
  const addon = await prepareAddon(options.target);
  const prepared = performance.now();
  return await withScratch(async (leftovers) => {
    const outFile = resolve(options.outFile);
    const folder = mkdtempSync(join(tmpdir(), "hardwire-pack-"));
    leftovers.push(folder);
    const parts = layOut(folder, options, runtime);
    // Beside its final place, for the rename to be atomic.
    const partial = join(dirname(outFile), `.${basename(outFile)}.${randomUUID()}.partial`);
    checkWritable(outFile, partial);
    leftovers.push(partial);
    const assets: Record<string, string> = { "manifest.json": join(folder, "manifest.json"), "uws.node": addon.path };
    for (const [name, path] of Object.entries(options.assets ?? {})) assets[name] = resolve(path);
    const injecting = inject(
      folder,
      { target: options.target, output: partial, assets, ...(options.heapMib && { heapMib: options.heapMib }) },
      leftovers,
    );
    // Meanwhile, on another core. Both are awaited even if one fails, so that the scratch folder is out of use.
    const [injection, checked] = await Promise.allSettled([injecting, check(runtime, addon)]);
    if (checked.status === "rejected") throw checked.reason;
    if (injection.status === "rejected") throw injection.reason;
    const injected = performance.now();

    const data = readFileSync(partial);
    const glibc = verify(data, options, checked.value.runtime, { ...parts, "uws.node": checked.value.addon });
    options.review?.(data.length, readAdded(data, checked.value.runtime.length, checked.value.addon));
    const sha256 = {
      artefact: digest(data),
      runtime: runtime.sha256,
      addon: addon.sha256,
      payload: digestPayload(parts),
    };
    chmodSync(partial, 0o755);
    renameSync(partial, outFile);
    return {
      outFile,
      bytes: {
        artefact: data.length,
        runtime: checked.value.runtime.length,
        addon: checked.value.addon.length,
        bundle: parts["gateway.cjs"]!.length,
      },
      sha256,
      glibc,
      seconds: {
        prepare: (prepared - start) / 1000,
        inject: (injected - prepared) / 1000,
        verify: (performance.now() - injected) / 1000,
      },
    };
  });
}

/** Puts bundle, manifest and base runtime where inject.ts looks for them; gives the parts of the payload. */
function layOut(folder: string, options: PackOptions, runtime: Prepared): Record<string, Buffer> {
  const parts: Record<string, Buffer> = {
    "gateway.cjs": readFileSync(options.bundlePath),
    "manifest.json": Buffer.from(`${JSON.stringify(options.manifest)}\n`),
  };
  for (const [name, bytes] of Object.entries(parts)) writeFileSync(join(folder, name), bytes);
  for (const [name, path] of Object.entries(options.assets ?? {})) parts[name] = readFileSync(path);
  const base = join(folder, ".pkg-cache", "sea", `node-v${NODE_VERSION}-${options.target}`);
  mkdirSync(join(base, "bin"), { recursive: true });
  symlinkSync(runtime.path, join(base, "bin", "node"));
  // pkg's marks of a download that was checked and unpacked.
  for (const mark of [`${base}.tar.gz`, `${base}.tar.gz.ok`, join(base, "bin", "node.ok")]) writeFileSync(mark, "");
  return parts;
}

/** The bytes of runtime and addon, if they are what is pinned. */
async function check(runtime: Prepared, addon: Prepared): Promise<{ runtime: Buffer; addon: Buffer }> {
  return { runtime: runtime.read(), addon: addon.read() };
}

async function inject(folder: string, injection: Injection, leftovers: Leftover[]): Promise<void> {
  const program = fileURLToPath(new URL("inject.ts", import.meta.url));
  // A clean environment: the same build whatever the shell has set.
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const env = { HOME: folder, TMPDIR: folder, TZ: "UTC", LC_ALL: "C", PATH, NODE_COMPILE_CACHE };
  try {
    const running = promisify(execFile)(process.execPath, [program, JSON.stringify(injection)], { cwd: folder, env });
    // Before the files go, or it would make them anew.
    leftovers.push(() => running.child.kill("SIGKILL"));
    await running;
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new PackError(`pkg could not make the executable:\n${stderr?.trim() || message}`, 70);
  }
}

/** @returns the newest glibc version that the executable or its addon needs */
function verify(data: Buffer, options: PackOptions, runtime: Buffer, parts: Record<string, Buffer>): string {
  const packed = readElf(basename(options.outFile), data);
  const wanted = { note: NOTE, fuse: FUSE, parts, floor: options.floor };
  const { floor } = verifyPacked(readElf("runtime", runtime), packed, wanted);
  const addon = checkGlibcFloor(readElf("uws.node", parts["uws.node"]!), options.floor);
  return compareVersions(floor.version, addon.version) > 0 ? floor.version : addon.version;
}

/** `verify` saw that runtime and addon are there as they are pinned. */
function readAdded(data: Buffer, runtimeBytes: number, addon: Buffer): string {
  const addonAt = data.indexOf(addon, runtimeBytes);
  return data.toString("latin1", runtimeBytes, addonAt) + data.toString("latin1", addonAt + addon.length);
}

/** As `sha256sum gateway.cjs manifest.json … | sha256sum` has it, names in order. */
function digestPayload(parts: Readonly<Record<string, Buffer>>): string {
  const names = Object.keys(parts).sort();
  return digest(names.map((name) => `${digest(parts[name]!)}  ${name}\n`).join(""));
}

/** Found out before a second of work, and with a message that names the file asked for. */
function checkWritable(outFile: string, partial: string): void {
  const found = statSync(outFile, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw new PackError(`cannot write ${outFile}: it is a directory`, 73);
  try {
    writeFileSync(partial, "", { flag: "wx" });
  } catch (error) {
    throw new PackError(`cannot write ${outFile}: ${(error as Error).message}`, 73);
  }
}
