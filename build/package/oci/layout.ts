/**
 * OCI image layouts on disk (image-spec 1.1): read, with every blob held against its digest, and written, as a whole or
 * not at all. Only what is used of a foreign document is described here; what else it has is kept.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { PackError } from "../../pack.ts";
import { digest } from "../../runtime.ts";

export const INDEX = "application/vnd.oci.image.index.v1+json";
export const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const CONFIG = "application/vnd.oci.image.config.v1+json";
export const LAYER = "application/vnd.oci.image.layer.v1.tar";
export const LAYER_GZIP = `${LAYER}+gzip`;

const platform = z.looseObject({ architecture: z.string(), os: z.string() });
const descriptor = z.looseObject({
  mediaType: z.string(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  size: z.int(),
  platform: platform.optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});
export const indexSchema = z.looseObject({ manifests: z.array(descriptor) });
export const manifestSchema = z.looseObject({ config: descriptor, layers: z.array(descriptor) });
export const configSchema = platform.extend({
  config: z.looseObject({ Env: z.array(z.string()).optional() }).optional(),
  rootfs: z.looseObject({ diff_ids: z.array(z.string()) }),
  history: z.array(z.looseObject({})).optional(),
});
export type Descriptor = z.infer<typeof descriptor>;

/** @throws PackError 66 if there is no layout there */
export function readIndex(folder: string): z.infer<typeof indexSchema> {
  try {
    readFileSync(join(folder, "oci-layout"));
    return parse(`${folder}/index.json`, indexSchema, readFileSync(join(folder, "index.json")));
  } catch (error) {
    if (error instanceof PackError) throw error;
    throw new PackError(`${folder} is no OCI image layout (${(error as NodeJS.ErrnoException).code})`, 66);
  }
}

/** @throws PackError 65 if the blob is not what its descriptor says, 66 if there is none */
export function readBlob(folder: string, { digest: name, size }: Descriptor): Buffer {
  const path = pathOf(folder, name);
  let data: Buffer;
  try {
    data = readFileSync(path);
  } catch (error) {
    throw new PackError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code})`, 66);
  }
  if (data.length !== size || `sha256:${digest(data)}` !== name) throw new PackError(`${path} is damaged`, 65);
  return data;
}

/** @throws PackError 65 */
export function readDocument<T>(folder: string, of: Descriptor, schema: z.ZodType<T>): T {
  return parse(pathOf(folder, of.digest), schema, readBlob(folder, of));
}

function parse<T>(path: string, schema: z.ZodType<T>, data: Buffer): T {
  let value: unknown;
  try {
    value = JSON.parse(data.toString("utf8"));
  } catch {
    throw new PackError(`${path} is not JSON`, 65);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new PackError(
    `${path} is not what OCI's image-spec describes: ${issue!.path.join(".")}: ${issue!.message}`,
    65,
  );
}

function pathOf(folder: string, name: string): string {
  return join(folder, "blobs", ...name.split(":"));
}

/** The blob's descriptor, and the blob. */
export type Blob = Descriptor & { readonly data: Buffer };

export function makeBlob(mediaType: string, data: Buffer): Blob {
  return { mediaType, digest: `sha256:${digest(data)}`, size: data.length, data };
}

export function makeDocument(mediaType: string, value: object): Blob {
  return makeBlob(mediaType, Buffer.from(`${JSON.stringify(value)}\n`));
}

/** What another document says of a blob. */
export function refer({ mediaType, digest: name, size }: Blob): Descriptor {
  return { mediaType, digest: name, size };
}

/** Replaces a layout that is there; refuses to replace anything else. @throws PackError 73 */
export function writeLayout(folder: string, index: object, blobs: readonly Blob[]): void {
  const whole = resolve(folder);
  const partial = join(dirname(whole), `.${basename(whole)}.${process.pid}.partial`);
  try {
    if (existsSync(whole) && !existsSync(join(whole, "oci-layout")) && readdirSync(whole).length > 0) {
      throw new Error("something else is there");
    }
    mkdirSync(join(partial, "blobs", "sha256"), { recursive: true });
    for (const { digest: name, data } of blobs) writeFileSync(pathOf(partial, name), data);
    writeFileSync(join(partial, "index.json"), `${JSON.stringify(index)}\n`);
    writeFileSync(join(partial, "oci-layout"), `${JSON.stringify({ imageLayoutVersion: "1.0.0" })}\n`);
    rmSync(whole, { recursive: true, force: true });
    renameSync(partial, whole);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw new PackError(`cannot write ${folder}: ${(error as Error).message}`, 73);
  }
}
