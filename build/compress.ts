/**
 * FILE.zst beside FILE, for the way to the device: `zstd -d FILE.zst` there, or anything else that knows RFC 8878.
 *
 * At level 19 that takes 45 s for a runtime, which is the same in every build for its architecture, and 5 s for the
 * addon. So each is a frame of its own, kept in the cache under the hash of what is in it, and what a build changes
 * takes no time. Frames in a row are one file (RFC 8878, 3), though some decoders stop after the first: Node's own does.
 * The decoder needs 8 MiB of memory.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { constants, zstdCompress, zstdDecompressSync } from "node:zlib";
import { findCacheFolder, keepInCache } from "./cache.mjs";
import { findNote } from "./elf/note.ts";
import { readElf } from "./elf/read.ts";
import { readSea } from "./elf/sea.ts";
import { PackError } from "./pack.ts";
import { digest } from "./runtime.ts";

const LEVEL = 19;

export interface Compressed {
  readonly outFile: string;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * @param file an executable that was just built
 * @param say gets one line when it will take long
 * @throws PackError 73 if it cannot be written, 70 if it does not decompress to what it was made of
 */
export async function compressBinary(file: string, say: (line: string) => void): Promise<Compressed> {
  const data = readFileSync(file);
  const [runtime, program, addon, rest] = partsOf(file, data);
  const frames = await Promise.all([
    keepFrame(runtime, () => say("compressing the runtime: 45 s, once for each architecture")),
    makeFrame(program),
    keepFrame(addon, () => {}),
    makeFrame(rest),
  ]);
  const whole = Buffer.concat(frames);
  if (!makes(frames, data)) {
    rmSync(join(findCacheFolder(), "compressed"), { recursive: true, force: true });
    throw new PackError("the compressed runtime in the cache was damaged and is now removed; build again", 70);
  }
  const outFile = `${file}.zst`;
  writeWhole(outFile, whole);
  return { outFile, bytes: whole.length, sha256: digest(whole) };
}

/**
 * All of an executable in four parts: the runtime, what each build has of its own before the addon, the addon, and what
 * is behind it.
 */
export function partsOf(file: string, data: Buffer): readonly [Buffer, Buffer, Buffer, Buffer] {
  const elf = readElf(file, data);
  // Program headers and payload follow the runtime (elf/attach.ts).
  const payloadAt = elf.bytes.u64(32);
  const addon = readSea(file, findNote(elf, "NODE_SEA_BLOB")!).assets.get("uws.node")!;
  const addonAt = addon.byteOffset - data.byteOffset;
  const addonEnd = addonAt + addon.length;
  return [data.subarray(0, payloadAt), data.subarray(payloadAt, addonAt), addon, data.subarray(addonEnd)];
}

/**
 * `data` compressed by `make`, once.
 * @param name in the cache, under the hash of `data`: how it was compressed
 * @param begin called if it is not there yet
 */
export async function keepCompressed(
  data: Buffer,
  name: string,
  make: (data: Buffer) => Promise<Buffer>,
  begin: () => void,
): Promise<Buffer> {
  const path = join(findCacheFolder(), "compressed", digest(data), name);
  await keepInCache(path, async (file) => {
    begin();
    writeFileSync(file, await make(data));
  });
  return readFileSync(path);
}

function makes(frames: readonly Buffer[], data: Buffer): boolean {
  try {
    return Buffer.concat(frames.map((frame) => zstdDecompressSync(frame))).equals(data);
  } catch {
    return false; // a checksum is wrong
  }
}

function keepFrame(data: Buffer, begin: () => void): Promise<Buffer> {
  return keepCompressed(data, `${LEVEL}.zst`, makeFrame, begin);
}

function makeFrame(data: Buffer): Promise<Buffer> {
  const params = { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 };
  return promisify(zstdCompress)(data, { params, pledgedSrcSize: data.length });
}

/** @throws PackError 73 */
export function writeWhole(outFile: string, data: Buffer): void {
  const partial = `${outFile}.partial`;
  try {
    writeFileSync(partial, data);
    renameSync(partial, outFile);
  } catch (error) {
    rmSync(partial, { force: true });
    throw new PackError(`cannot write ${outFile}: ${(error as Error).message}`, 73);
  }
}
