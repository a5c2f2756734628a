/**
 * `make base`: an OCI image layout with nothing in it but the libraries that an executable is linked with, as this
 * machine's Debian has them, for both architectures. apt fetches the packages and checks their signatures. Other bases
 * do as well; this one needs no registry. Made once, it is kept: its digest is what images refer to.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import { sourceDate } from "../../attest/index.ts";
import { digest } from "../../runtime.ts";
import { Apt } from "../apt.ts";
import { dateOf, type File, makeMember, makeTar } from "../tar.ts";
import { CONFIG, INDEX, LAYER_GZIP, MANIFEST, makeBlob, makeDocument, refer, writeLayout } from "./layout.ts";

const ARCHITECTURES = ["amd64", "arm64"];
const PACKAGES = ["libc6", "libgcc-s1", "libstdc++6", "base-files"];
/** Libraries but not their plug-ins, the loader, whose work they are, and what scanners want to know of the system. */
const WANTED = [
  /^(usr\/)?lib(64)?\/([a-z0-9_]+-linux-gnu\/)?[^/]+\.so(\.[0-9.]+)?$/,
  /^usr\/share\/doc\/[^/]+(\/copyright)?$/,
  /^(etc|usr\/lib)\/os-release$/,
];

const time = sourceDate(process.env.SOURCE_DATE_EPOCH);
const folder = process.argv[2]!;
const scratch = mkdtempSync(join(tmpdir(), "hardwire-base-"));
try {
  const images = [];
  for (const architecture of ARCHITECTURES) images.push(await makeImage(architecture, fetchPackages(architecture)));
  const manifests = images.map(({ entry }) => entry);
  writeLayout(
    folder,
    { schemaVersion: 2, mediaType: INDEX, manifests },
    images.flatMap(({ blobs }) => blobs),
  );
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Paths of the .deb files. */
function fetchPackages(architecture: string): string[] {
  const apt = new Apt(join(scratch, architecture), architecture);
  const gcc = apt.download(...PACKAGES).find((path) => basename(path).startsWith("libgcc-s1"));
  // "gcc-12-base" has the copyright file of both libraries of GCC.
  return apt.download(/gcc-\d+-base/.exec(readFields(gcc!))![0]);
}

function readFields(deb: string): string {
  return execFileSync("dpkg-deb", ["--field", deb], { encoding: "utf8" });
}

async function makeImage(architecture: string, debs: readonly string[]) {
  const files: File[] = [{ path: "etc/nsswitch.conf", mode: 0o644, data: "hosts: files dns\n" }];
  for (const deb of debs) {
    files.push(...(await unpack(deb)));
    const fields = readFields(deb);
    const name = /^Package: (.+)$/m.exec(fields)![1]!;
    // Where scanners look for packages in images that have no dpkg.
    files.push({ path: `var/lib/dpkg/status.d/${name}`, mode: 0o644, data: fields });
  }
  const tar = await makeTar(files, "", dateOf(time));
  const layer = makeBlob(LAYER_GZIP, await makeMember(tar));
  const rootfs = { type: "layers", diff_ids: [`sha256:${digest(tar)}`] };
  const config = makeDocument(CONFIG, { architecture, os: "linux", config: {}, rootfs });
  const manifest = makeDocument(MANIFEST, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: refer(config),
    layers: [refer(layer)],
  });
  const entry = { ...refer(manifest), platform: { architecture, os: "linux" } };
  process.stdout.write(`${folder}: linux/${architecture} ${manifest.digest}\n`);
  return { entry, blobs: [layer, config, manifest] };
}

async function unpack(deb: string): Promise<File[]> {
  const files: File[] = [];
  const unpacking = extract();
  const tar = execFileSync("dpkg-deb", ["--fsys-tarfile", deb], { maxBuffer: 1 << 30 });
  const reading = pipeline(Readable.from([tar]), unpacking);
  for await (const entry of unpacking) {
    const { name, mode = 0o644, type, linkname } = entry.header;
    const path = name.replace(/^\.\//, "");
    const data = await buffer(entry);
    if (type === "directory" || !WANTED.some((pattern) => pattern.test(path))) continue;
    files.push({ path, mode, data, ...(linkname && { link: linkname }) });
  }
  await reading;
  return files;
}
