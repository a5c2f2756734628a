/**
 * The libraries that are compiled into the two foreign binaries. Their versions are read out of the packed executable,
 * whatever machine it is for; names and licences are known here (SPDX ids, from the LICENSE file of Node.js 24).
 */
import process from "node:process";

export interface Library {
  readonly name: string;
  /** Undefined where the binary does not say: then it is that of its parent's source. */
  readonly version: string | undefined;
  readonly licence: string;
}

/** By their name in process.versions. */
const OF_NODE: Readonly<Record<string, { readonly name: string; readonly licence: string }>> = {
  acorn: { name: "acorn", licence: "MIT" },
  ada: { name: "ada", licence: "MIT" },
  amaro: { name: "amaro", licence: "MIT AND Apache-2.0" }, // with swc in it
  ares: { name: "c-ares", licence: "MIT" },
  brotli: { name: "brotli", licence: "MIT" },
  icu: { name: "icu", licence: "Unicode-3.0" },
  llhttp: { name: "llhttp", licence: "MIT" },
  merve: { name: "merve", licence: "MIT" },
  nbytes: { name: "nbytes", licence: "MIT" },
  ncrypto: { name: "ncrypto", licence: "MIT" },
  nghttp2: { name: "nghttp2", licence: "MIT" },
  nghttp3: { name: "nghttp3", licence: "MIT" },
  ngtcp2: { name: "ngtcp2", licence: "MIT" },
  openssl: { name: "openssl", licence: "Apache-2.0" },
  simdjson: { name: "simdjson", licence: "Apache-2.0" },
  simdutf: { name: "simdutf", licence: "MIT" },
  sqlite: { name: "sqlite", licence: "blessing" },
  tz: { name: "tzdata", licence: "LicenseRef-public-domain" },
  undici: { name: "undici", licence: "MIT" },
  unicode: { name: "unicode-character-database", licence: "Unicode-3.0" },
  uv: { name: "libuv", licence: "MIT" },
  uvwasi: { name: "uvwasi", licence: "MIT" },
  v8: { name: "v8", licence: "BSD-3-Clause" },
  zlib: { name: "zlib", licence: "Zlib" },
  zstd: { name: "zstd", licence: "BSD-3-Clause" },
};
/** Numbers of interfaces; and CLDR, the data of human languages, which icu.ts takes out. */
const NO_LIBRARIES: ReadonlySet<string> = new Set(["node", "modules", "napi", "cldr"]);

/** Linked into the addon (build.c of uWebSockets.js); which versions, its commit says: they are its submodules. */
export const LIBRARIES_OF_ADDON: readonly Library[] = [
  { name: "uWebSockets", version: undefined, licence: "Apache-2.0" },
  { name: "uSockets", version: undefined, licence: "Apache-2.0" },
  { name: "boringssl", version: undefined, licence: "Apache-2.0" },
  { name: "lsquic", version: undefined, licence: "MIT" },
];

/**
 * The runtime starts from a snapshot that holds process.versions: all values close together, as V8 strings, length and
 * characters. The compiler runs on the Node.js version that it packs, so these must be its own; anything else would
 * mean that the SBOM is about another runtime.
 *
 * @throws Error if the executable's list is another one, or names a library unknown here
 */
export function librariesOfRuntime(executable: Buffer): Library[] {
  const { node, ...versions } = process.versions as Record<string, string>;
  const list = Object.entries(versions).filter(([, version]) => version !== "");
  if (!hasTogether(executable, [node!, ...list.map(([, version]) => version)])) {
    throw new Error(`the packed runtime does not list the libraries of Node ${node}`);
  }
  return list
    .filter(([key]) => !NO_LIBRARIES.has(key))
    .map(([key, version]) => {
      const known = OF_NODE[key];
      if (known === undefined) throw new Error(`the runtime has a library without a known licence: ${key} ${version}`);
      return { ...known, version };
    });
}

const AROUND_BYTES = 1024;

/** Looks around each place of the longest text, which is the rarest. */
function hasTogether(data: Buffer, texts: readonly string[]): boolean {
  const longest = texts.reduce((a, b) => (b.length > a.length ? b : a));
  for (let at = data.indexOf(longest); at !== -1; at = data.indexOf(longest, at + 1)) {
    const around = data.subarray(Math.max(0, at - AROUND_BYTES), at + AROUND_BYTES);
    if (texts.every((text) => around.includes(encodeString(text)))) return true;
  }
  return false;
}

function encodeString(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, Buffer.from(text, "latin1")]);
}
