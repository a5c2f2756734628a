/**
 * Reads the payload of a Node.js single executable: what `node --experimental-sea-config` of the pinned Node writes
 * (src/node_sea.cc). It is read and never run, so any machine's payload can be read on any other.
 *
 *     u32 magic │ u32 flags │ u8 execArgvExtension │ codePath │ code │ [codeCache] │ [count, (name, content)…] │ …
 *
 * Each text and content is a u64 length and that many bytes.
 */
import { Bytes } from "./bytes.ts";
import { ElfError } from "./error.ts";

const MAGIC = 0x0143da20;
const USES_SNAPSHOT = 1 << 1;
const USES_CODE_CACHE = 1 << 2;
const HAS_ASSETS = 1 << 3;
/** Far more than a gateway has; a damaged count must not be believed. */
const ASSETS_MAX = 1000;

export interface Sea {
  readonly code: Buffer;
  /** By name. */
  readonly assets: ReadonlyMap<string, Buffer>;
}

/** @throws ElfError for anything but a payload of that form that runs plain code */
export function readSea(file: string, payload: Buffer): Sea {
  const bytes = new Bytes(file, payload);
  if (bytes.u32(0) !== MAGIC) throw new ElfError(file, "its payload is not one of Node.js (damaged?)");
  const flags = bytes.u32(4);
  if ((flags & USES_SNAPSHOT) !== 0) throw new ElfError(file, "its payload is a snapshot, which hardwire never makes");
  let at = 9;
  const next = (): Buffer => {
    const length = bytes.u64(at);
    const content = bytes.slice(at + 8, length);
    at += 8 + length;
    return content;
  };
  next(); // the path of the code
  const code = next();
  if ((flags & USES_CODE_CACHE) !== 0) next();
  const assets = new Map<string, Buffer>();
  if ((flags & HAS_ASSETS) !== 0) {
    const count = bytes.u64(at);
    if (count > ASSETS_MAX) throw new ElfError(file, `its payload claims ${count} assets (damaged?)`);
    at += 8;
    for (let i = 0; i < count; i++) assets.set(next().toString("utf8"), next());
  }
  return { code, assets };
}
