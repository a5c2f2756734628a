/**
 * Files as a tar archive that depends on nothing else: in order of their paths, root's, all with one time.
 *
 * Compressed with gzip, which every dpkg, container runtime and registry reads; Debian 12's lintian refuses zstd, and
 * Node has no xz. The runtime, nine tenths of the archive, is a gzip member of its own that is kept in the cache:
 * members in a row are one file (RFC 1952, 2.2). Node's zlib gives the same bytes on x64 and arm64.
 */
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import { pack } from "tar-stream";
import { keepCompressed, partsOf } from "../compress.ts";

export interface File {
  /** Without a slash at the beginning; a folder's ends with one. Folders above it need not be given. */
  readonly path: string;
  readonly mode: number;
  /** Nothing for a folder or a link. */
  readonly data: Buffer | string;
  /** Of a symbolic link, where it leads. */
  readonly link?: string;
}

/** For dates that must be there; of no meaning, but not before 1984, which no package may be. */
export function dateOf(time: string | undefined): Date {
  return new Date(time ?? "2000-01-01T00:00:00Z");
}

const LEVEL = constants.Z_BEST_COMPRESSION;
const FOLDER_MODE = 0o755;

/** @param root what paths begin with: "./" is dpkg's habit, "" that of container images */
export async function makeTar(files: readonly File[], root: "./" | "", time: Date): Promise<Buffer> {
  const archive = pack();
  for (const { path, mode, data, link } of withFolders(files, root)) {
    const owner = { uid: 0, gid: 0, uname: "root", gname: "root" };
    const header = { name: path, mode, mtime: time, ...owner };
    if (link !== undefined) archive.entry({ ...header, type: "symlink", linkname: link });
    else if (path.endsWith("/")) archive.entry({ ...header, type: "directory" });
    else archive.entry(header, data as Buffer);
  }
  archive.finalize();
  return await buffer(archive);
}

function withFolders(files: readonly File[], root: string): File[] {
  const all = new Map<string, File>();
  for (const file of files) {
    const path = `${root}${file.path}`;
    for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) {
      const folder = path.slice(0, at + 1);
      if (!all.has(folder)) all.set(folder, { path: folder, mode: FOLDER_MODE, data: "" });
    }
    all.set(path, { ...file, path });
  }
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** @param say gets one line when it will take long */
export async function compressTar(tar: Buffer, executable: Buffer, say: (line: string) => void): Promise<Buffer> {
  const [runtime, program, addon, rest] = partsOf("executable", executable);
  const startsAt = tar.indexOf(executable.subarray(0, 4096));
  const endsAt = startsAt + executable.length;
  const members = await Promise.all([
    makeMember(tar.subarray(0, startsAt)),
    keepMember(runtime, () => say("compressing the runtime for packages: 6 s, once for each architecture")),
    makeMember(program),
    keepMember(addon, () => {}),
    makeMember(Buffer.concat([rest, tar.subarray(endsAt)])),
  ]);
  return Buffer.concat(members);
}

function keepMember(data: Buffer, begin: () => void): Promise<Buffer> {
  return keepCompressed(data, `${LEVEL}.gz`, makeMember, begin);
}

/** One gzip member, without a time or a name. */
export function makeMember(data: Buffer | string): Promise<Buffer> {
  return promisify(gzip)(data, { level: LEVEL });
}
