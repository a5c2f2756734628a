/**
 * Bundle: the core, the generated modules and the features they call, as one CommonJS file for the executable.
 *
 * The generated constants go in before esbuild reads a module: it folds what an import brings only after it has decided
 * which functions are used, and would keep all that only a switched-off branch calls.
 *
 * The same input gives the same bytes wherever it lies: no path, time or comment gets into the text. Identifiers are
 * kept, so that a stack trace from a device can be read.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";
import type { PlannedFeature } from "./plan.ts";

export interface BundleInput {
  /** The repository: the folder that holds `src/core`. */
  readonly repository: string;
  /** Where `emit` wrote. */
  readonly generated: string;
  /** Features whose runtimes the generated chains may import. */
  readonly features: readonly PlannedFeature[];
}

export interface Bundle {
  readonly code: string;
  /** Hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** Every module read, "src/core/proxy.ts" or "generated/chains.ts", and its bytes in the code; sorted by path. */
  readonly inputs: readonly { readonly path: string; readonly bytes: number }[];
  /** Who imports whom, for the gate. */
  readonly metafile: Metafile;
}

const ENTRY = "src/core/main.ts";

/** @throws Error with esbuild's messages: whatever is wrong here, the routes file is not */
export async function bundle(input: BundleInput): Promise<Bundle> {
  const result = await build({ ...bundleOptions(input), metafile: true, write: false });
  const code = result.outputFiles[0]!.text;
  const output = Object.values(result.metafile.outputs)[0]!;
  const inputs = Object.keys(result.metafile.inputs)
    .map((path) => ({ path: shownPath(path), bytes: output.inputs[path]?.bytesInOutput ?? 0 }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    code,
    sha256: createHash("sha256").update(code).digest("hex"),
    bytes: Buffer.byteLength(code),
    inputs,
    metafile: result.metafile,
  };
}

/** What makes the code; test/coverage.ts asks for a source map besides. `input.generated` must be written by now. */
export function bundleOptions(input: BundleInput): BuildOptions {
  const constants = readConstants(input);
  return {
    absWorkingDir: resolve(input.repository),
    entryPoints: [ENTRY],
    outfile: "gateway.cjs",
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    external: ["node:*"],
    minifySyntax: true,
    minifyWhitespace: true,
    minifyIdentifiers: false,
    treeShaking: true,
    charset: "utf8",
    legalComments: "none",
    logLevel: "silent",
    // Whatever tsconfig.json lies around must not change the code.
    tsconfigRaw: { compilerOptions: { target: "es2024", verbatimModuleSyntax: true } },
    define: constants,
    plugins: [resolveHashes(input), freeConstants(constants)],
  };
}

/** Name → literal. */
function readConstants({ generated }: BundleInput): Record<string, string> {
  const text = readFileSync(join(generated, "constants.ts"), "utf8");
  return Object.fromEntries(
    [...text.matchAll(/^export const (\w+): (?:number|boolean) = (.*);$/gm)].map(([, name, value]) => [name, value]),
  );
}

/** Takes the import of the constants out of a module, so that `define` reaches their names; lines stay where they are. */
function freeConstants(constants: Readonly<Record<string, string>>): Plugin {
  return {
    name: "constants",
    setup(build) {
      build.onLoad({ filter: /\.ts$/, namespace: "file" }, async ({ path }) => {
        const contents = (await readFile(path, "utf8")).replace(
          /^import \{([^}]*)\} from "#generated\/constants\.ts";$/m,
          (statement, list: string) => {
            const unknown = list.split(",").find((name) => name.trim() !== "" && !(name.trim() in constants));
            if (unknown !== undefined) throw new Error(`${path}: no constant ${unknown.trim()} is generated`);
            return statement.replace(/[^\n]/g, "");
          },
        );
        return { contents, loader: "ts" };
      });
    },
  };
}

/** "generated:chains.ts", as esbuild writes it, becomes "generated/chains.ts". */
export function shownPath(metafilePath: string): string {
  return metafilePath.replace(/^generated:/, "generated/");
}

/** `#core/…`, `#features/<name>/…` and `#generated/…`; the last in a namespace, so that its folder shows nowhere. */
function resolveHashes(input: BundleInput): Plugin {
  const repository = resolve(input.repository);
  const folders = new Map(input.features.map(({ name, folder }) => [name, resolve(repository, folder)]));
  return {
    name: "hardwire",
    setup(build) {
      // A module of the runtime that nothing is taken from need not be there.
      build.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, external: true, sideEffects: false }));
      build.onResolve({ filter: /^#generated\// }, ({ path }) => ({
        path: path.slice("#generated/".length),
        namespace: "generated",
      }));
      build.onResolve({ filter: /^#core\// }, ({ path }) => ({ path: join(repository, "src/core", path.slice(6)) }));
      build.onResolve({ filter: /^#features\// }, ({ path }) => {
        const [, name = "", ...rest] = path.split("/");
        const folder = folders.get(name);
        if (folder === undefined) return { errors: [{ text: `no feature "${name}" is in use` }] };
        return { path: join(folder, ...rest) };
      });
      build.onLoad({ filter: /.*/, namespace: "generated" }, async ({ path }) => ({
        contents: await readFile(join(input.generated, path), "utf8"),
        loader: "ts",
        resolveDir: input.generated,
      }));
    },
  };
}
