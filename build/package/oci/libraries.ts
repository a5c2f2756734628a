/**
 * Whether an image's layers have the libraries that an executable is linked with, in versions that will do: a library
 * names each version that it has in a table of plain text.
 */
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { gunzipSync } from "node:zlib";
import { extract } from "tar-stream";
import type { VersionNeed } from "../../elf/versions.ts";
import { type Blob, LAYER_GZIP } from "./layout.ts";

/** By path without a slash at the beginning: content, or what it is a link to. */
type Files = Map<string, Buffer | string>;

/** What is missing, in words: "libstdc++.so.6 with GLIBCXX_3.4.21". */
export async function missingLibraries(layers: readonly Blob[], needs: readonly VersionNeed[]): Promise<string[]> {
  const libraries = [...new Set(needs.map(({ library }) => library))];
  const files: Files = new Map();
  // libstdc++.so.6 is a link to libstdc++.so.6.0.30.
  const isWanted = (path: string) => libraries.some((library) => nameOf(path).startsWith(library));
  for (const layer of layers) await unpack(layer, files, isWanted);
  return libraries.flatMap((library) => {
    const found = find(files, library);
    if (found === undefined) return [library];
    const versions = needs.filter((need) => need.library === library).map(({ version }) => version);
    return versions.filter((version) => !found.includes(`${version}\0`)).map((version) => `${library} with ${version}`);
  });
}

async function unpack({ mediaType, data }: Blob, files: Files, isWanted: (path: string) => boolean): Promise<void> {
  const unpacking = extract();
  const reading = pipeline(Readable.from([mediaType === LAYER_GZIP ? gunzipSync(data) : data]), unpacking);
  for await (const entry of unpacking) {
    const { type, name, linkname } = entry.header;
    const path = name.replace(/^[./]+/, "");
    const removed = nameOf(path).startsWith(REMOVED) ? path.replace(REMOVED, "") : undefined;
    if (removed !== undefined) removeFrom(files, removed);
    if (!isWanted(path)) entry.resume();
    else if (type === "file") files.set(path, await buffer(entry));
    else {
      if (linkname) files.set(path, nameOf(linkname));
      entry.resume();
    }
  }
  await reading;
}

/** In a layer, the name of what it takes away from those below (image-spec, layer.md). */
const REMOVED = ".wh.";

function removeFrom(files: Files, path: string): void {
  for (const known of [...files.keys()]) {
    if (known === path || known.startsWith(`${path}/`)) files.delete(known);
  }
}

/** The file of that name, wherever it is, or what a link of that name stands for. */
function find(files: Files, name: string): Buffer | undefined {
  const found = [...files].filter(([path]) => nameOf(path) === name).map(([, content]) => content);
  const links = found.filter((content) => typeof content === "string");
  const linked = [...files].filter(([path]) => links.includes(nameOf(path))).map(([, content]) => content);
  return [...found, ...linked].find((content) => typeof content !== "string");
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
