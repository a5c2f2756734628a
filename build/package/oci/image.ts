/**
 * `hardwire build --oci DIR --base LAYOUT`: the executable as a container image, one layer upon a base, in an OCI image
 * layout that skopeo, podman, crane and containerd read. No daemon has part in it, and the same build upon the same
 * base gives the same digest.
 */
import type { Built, Design } from "../../compile.ts";
import { lookInside } from "../../manifest/read.ts";
import { digest } from "../../runtime.ts";
import { VERSION } from "../../version.ts";
import { ARCHITECTURE } from "../debian.ts";
import { makeDocuments } from "../documents.ts";
import { needsOf } from "../needs.ts";
import { compressTar, dateOf, type File, makeTar } from "../tar.ts";
import { type Base, checkLibraries, findBase } from "./base.ts";
import { CONFIG, INDEX, LAYER_GZIP, MANIFEST, makeBlob, makeDocument, refer, writeLayout } from "./layout.ts";

export interface Image {
  readonly folder: string;
  /** "sha256:…" of its manifest, which is its name everywhere. */
  readonly digest: string;
  readonly bytes: number;
}

/** Nobody's in particular, by the habit of images without a shell; no name is needed for it. */
const USER = "65532:65532";
const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * @param base see findBase
 * @param release its tag, if it has one
 * @param time RFC 3339, if there is one
 * @param say gets one line when something begins that takes a while
 * @throws PackError 73 if it cannot be written, 65 and 66 of the base; SupplyError from download.mjs
 */
export async function makeImage(
  design: Design,
  { packed, bundled }: Built,
  { folder, base: reference, release, time }: ImageOptions,
  say: (line: string) => void,
): Promise<Image> {
  const { name, target } = design.plan;
  const inside = lookInside(packed.outFile);
  const architecture = ARCHITECTURE[target];
  const base = findBase(reference, architecture);
  await checkLibraries(base, needsOf(inside));
  const files: File[] = [
    { path: `usr/bin/${name}`, mode: 0o755, data: inside.data },
    // Where the executable loads its network library from; not every base has it.
    { path: "tmp/", mode: 0o1777, data: "" },
    ...(await makeDocuments(inside, bundled, time)),
  ];
  const tar = await makeTar(files, "", dateOf(time));
  const layer = makeBlob(LAYER_GZIP, await compressTar(tar, inside.data, say));
  const config = makeDocument(CONFIG, describe(design, base, `sha256:${digest(tar)}`, time));
  const layers = [...base.layers, layer];
  const manifest = makeDocument(MANIFEST, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: refer(config),
    layers: layers.map(refer),
    annotations: annotations(design, base, release, time),
  });
  const platform = {
    architecture,
    os: "linux",
    ...(base.config.variant !== undefined && { variant: base.config.variant }),
  };
  const entry = {
    ...refer(manifest),
    platform,
    annotations: { "org.opencontainers.image.ref.name": release ?? "latest" },
  };
  const blobs = [...layers, config, manifest];
  writeLayout(folder, { schemaVersion: 2, mediaType: INDEX, manifests: [entry] }, blobs);
  return { folder, digest: manifest.digest, bytes: blobs.reduce((sum, { size }) => sum + size, 0) };
}

export interface ImageOptions {
  readonly folder: string;
  readonly base: string;
  readonly release: string | undefined;
  readonly time: string | undefined;
}

function describe({ plan }: Design, { config }: Base, diffId: string, time: string | undefined): object {
  const created = time === undefined ? {} : { created: time };
  // Nobody comes to the others from outside of the container.
  const isReachable = (host: string) => !/^127\.|^::1$/.test(host);
  const ports = plan.listeners.filter(({ host }) => isReachable(host)).map(({ port }) => [`${port}/tcp`, {}]);
  const { architecture, os, variant } = config;
  return {
    ...created,
    architecture,
    os,
    ...(variant !== undefined && { variant }),
    config: {
      User: USER,
      ExposedPorts: Object.fromEntries(ports),
      Env: config.config?.Env ?? [PATH],
      Entrypoint: [`/usr/bin/${plan.name}`],
      WorkingDir: "/",
      StopSignal: "SIGTERM",
    },
    rootfs: { type: "layers", diff_ids: [...config.rootfs.diff_ids, diffId] },
    // All layers, or none.
    ...(config.history !== undefined && {
      history: [...config.history, { ...created, created_by: `hardwire ${VERSION}` }],
    }),
  };
}

function annotations({ plan }: Design, base: Base, release: string | undefined, time: string | undefined) {
  const values = {
    created: time,
    title: plan.name,
    description: `API gateway, built by hardwire ${VERSION}`,
    version: release,
    "base.digest": base.digest,
  };
  const set = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set.map(([key, value]) => [`org.opencontainers.image.${key}`, value]));
}
