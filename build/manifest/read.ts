/**
 * Looks into an executable that hardwire built, on any machine: nothing of it is run. The manifest is found through the
 * note that Node.js finds its payload by, and what the manifest says of the payload is checked against its bytes.
 */
import { readFileSync } from "node:fs";
import { ElfError } from "../elf/error.ts";
import { findNote } from "../elf/note.ts";
import { readElf } from "../elf/read.ts";
import { readSea } from "../elf/sea.ts";
import { digest } from "../runtime.ts";
import { MANIFEST_VERSION, type Manifest, manifestSchema } from "./shape.ts";

export interface Inside {
  readonly file: string;
  /** The whole executable. */
  readonly data: Buffer;
  readonly sha256: string;
  readonly bytes: { readonly executable: number; readonly program: number; readonly addon: number };
  readonly manifest: Manifest;
}

/** The file is no whole executable of hardwire's; `exitCode` from sysexits.h. */
export class ForeignFile extends Error {
  override readonly name = "ForeignFile";
  readonly exitCode: 65 | 66;

  constructor(file: string, problem: string, exitCode: 65 | 66 = 65) {
    super(`${file}: ${problem}`);
    this.exitCode = exitCode;
  }
}

/** @throws ForeignFile */
export function lookInside(file: string): Inside {
  let data: Buffer;
  try {
    data = readFileSync(file);
  } catch (error) {
    throw new ForeignFile(file, `cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`, 66);
  }
  return { ...readInside(file, data), sha256: digest(data) };
}

/** The same for bytes at hand. @throws ForeignFile */
export function readInside(file: string, data: Buffer): Omit<Inside, "sha256"> {
  try {
    return read(file, data);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    throw new ForeignFile(file, `${error.message.slice(file.length + 2)}; expected an executable built by hardwire`);
  }
}

/** RFC 8878 3.1.1 */
const ZSTD_MAGIC = 0xfd2fb528;

function read(file: string, data: Buffer): Omit<Inside, "sha256"> {
  if (data.length >= 4 && data.readUInt32LE(0) === ZSTD_MAGIC) {
    throw new ForeignFile(file, "is compressed; decompress it first, with zstd -d");
  }
  const elf = readElf(file, data);
  const payload = findNote(elf, "NODE_SEA_BLOB");
  if (payload === undefined) throw new ElfError(file, "an executable without a payload");
  const { code, assets } = readSea(file, payload);
  const text = assets.get("manifest.json");
  const addon = assets.get("uws.node");
  if (text === undefined || addon === undefined) throw new ElfError(file, "a Node.js program of something else");
  const manifest = parseManifest(file, text.toString("utf8"));
  if (manifest.target !== `linux-${elf.machine}`) {
    throw new ForeignFile(file, `is for linux-${elf.machine}, but its manifest says ${manifest.target}`);
  }
  const parts = { program: code, addon };
  for (const [name, bytes] of Object.entries(parts)) {
    if (digest(bytes) === manifest.sha256[name as keyof typeof parts]) continue;
    throw new ForeignFile(file, `its ${name} is not the one its manifest names: damaged, or changed after the build`);
  }
  const bytes = { executable: data.length, program: code.length, addon: addon.length };
  return { file, data, bytes, manifest };
}

function parseManifest(file: string, text: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ElfError(file, "its manifest is not JSON (damaged?)");
  }
  const parsed = manifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { manifest: version } = (value ?? {}) as { manifest?: unknown };
  if (typeof version === "number" && version !== MANIFEST_VERSION) {
    const advice = "inspect it with the hardwire that built it, or a newer one";
    throw new ForeignFile(file, `its manifest has form ${version}, this hardwire reads ${MANIFEST_VERSION}; ${advice}`);
  }
  const [issue] = parsed.error.issues;
  // Keys are the file's, which must not be able to steer the terminal.
  const where = issue!.path.join(".").replace(/[^ -~]/g, "?");
  throw new ElfError(file, `its manifest is not of hardwire's form (${where}: ${issue!.message})`);
}
