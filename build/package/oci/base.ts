/**
 * The image that a gateway's layer is put upon. It brings the C and C++ libraries that the executable is linked with:
 * an image without them would not start, and the build has none to give that anybody could verify.
 */
import type { z } from "zod";
import type { VersionNeed } from "../../elf/versions.ts";
import { PackError } from "../../pack.ts";
import {
  type Blob,
  configSchema,
  type Descriptor,
  INDEX,
  indexSchema,
  LAYER,
  LAYER_GZIP,
  manifestSchema,
  readBlob,
  readDocument,
  readIndex,
} from "./layout.ts";
import { missingLibraries } from "./libraries.ts";

export interface Base {
  readonly folder: string;
  readonly digest: string;
  readonly config: z.infer<typeof configSchema>;
  readonly layers: readonly Blob[];
}

/** Some tools leave Docker's names in layouts. */
const SAME: Readonly<Record<string, string>> = {
  "application/vnd.docker.distribution.manifest.list.v2+json": INDEX,
  "application/vnd.docker.image.rootfs.diff.tar": LAYER,
  "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER_GZIP,
};
/** An index may be of indexes. */
const DEPTH_MAX = 4;

/**
 * @param reference folder of an OCI image layout; behind it maybe "@sha256:…" of one index or image in it
 * @param architecture as OCI names it
 * @throws PackError 66 if it is not there, 65 if it is not what it should be
 */
export function findBase(reference: string, architecture: string): Base {
  const [, folder = "", pinned] = /^(.*?)(?:@(sha256:[0-9a-f]{64}))?$/.exec(reference)!;
  const images = findImages(folder, readIndex(folder).manifests, { architecture, pinned }, DEPTH_MAX);
  const [image] = images;
  if (image === undefined || images.length > 1) {
    const wanted = `linux/${architecture}${pinned === undefined ? "" : ` and ${pinned}`}`;
    const advice = image === undefined ? "copy one that has it (skopeo copy --all)" : "add @sha256:… of one to --base";
    throw new PackError(`${folder} has ${images.length || "no"} images for ${wanted}; ${advice}`, 65);
  }
  const { config: configOf, layers: layersOf } = readDocument(folder, image, manifestSchema);
  const config = readDocument(folder, configOf, configSchema);
  const layers = layersOf.map((layer) => readLayer(folder, layer));
  return { folder, digest: image.digest, config, layers };
}

/**
 * @param needs what the executable and its addon are linked with
 * @throws PackError 65 if it would not start
 */
export async function checkLibraries({ folder, layers }: Base, needs: readonly VersionNeed[]): Promise<void> {
  const missing = await missingLibraries(layers, needs);
  if (missing.length === 0) return;
  const advice = "take a base with glibc and libstdc++ of Debian 12 or newer";
  throw new PackError(
    `an executable on ${folder} would not start, since it has no ${missing.join(", ")}; ${advice}`,
    65,
  );
}

interface Sought {
  readonly architecture: string;
  /** Undefined if any will do. */
  readonly pinned: string | undefined;
}

function findImages(folder: string, manifests: readonly Descriptor[], sought: Sought, depth: number): Descriptor[] {
  return manifests.flatMap((entry) => {
    const isPinned = sought.pinned === undefined || sought.pinned === entry.digest;
    if (mediaTypeOf(entry) === INDEX) {
      if (depth === 0) return [];
      const inner = readDocument(folder, entry, indexSchema).manifests;
      return findImages(folder, inner, { ...sought, pinned: isPinned ? undefined : sought.pinned }, depth - 1);
    }
    return isPinned && isFor(folder, entry, sought.architecture) ? [entry] : [];
  });
}

function isFor(folder: string, entry: Descriptor, wanted: string): boolean {
  // Images for other machines need not be there.
  const { os, architecture } =
    entry.platform ?? readDocument(folder, readDocument(folder, entry, manifestSchema).config, configSchema);
  return os === "linux" && architecture === wanted;
}

function readLayer(folder: string, layer: Descriptor): Blob {
  const mediaType = mediaTypeOf(layer);
  if (mediaType !== LAYER && mediaType !== LAYER_GZIP) {
    const advice = "skopeo copy --dest-compress-format gzip makes one that can be read here";
    throw new PackError(`${folder} has a layer of the type ${mediaType}; ${advice}`, 65);
  }
  return { ...layer, mediaType, data: readBlob(folder, layer) };
}

function mediaTypeOf({ mediaType }: Descriptor): string {
  return SAME[mediaType] ?? mediaType;
}
