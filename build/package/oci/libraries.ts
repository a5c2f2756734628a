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

/** What is missing, in words: "libstdc++.so.6 with GLIBCXX_3.4.21". */
export async function missingLibraries(layers: readonly Blob[], needs: readonly VersionNeed[]): Promise<string[]> {
  const libraries = [...new Set(needs.map(({ library }) => library))];
  /** By name without folders. */
  const files = new Map<string, Buffer>();
  const links = new Map<string, string>();
  for (const { mediaType, data } of layers) {
    const unpacking = extract();
    const reading = pipeline(Readable.from([mediaType === LAYER_GZIP ? gunzipSync(data) : data]), unpacking);
    for await (const entry of unpacking) {
      const { type, name, linkname } = entry.header;
      if ((type === "symlink" || type === "link") && linkname) links.set(baseOf(name), baseOf(linkname));
      // libstdc++.so.6 is a link to libstdc++.so.6.0.30.
      if (type === "file" && libraries.some((library) => baseOf(name).startsWith(library))) {
        files.set(baseOf(name), await buffer(entry));
      } else entry.resume();
    }
    await reading;
  }
  return libraries.flatMap((library) => {
    const found = files.get(library) ?? files.get(links.get(library) ?? "");
    if (found === undefined) return [library];
    const versions = needs.filter((need) => need.library === library).map(({ version }) => version);
    return versions.filter((version) => !found.includes(`${version}\0`)).map((version) => `${library} with ${version}`);
  });
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
