/**
 * Gate: what may be in a bundle, checked on every build; a problem here is a mistake in hardwire, not in a routes file.
 *
 * 1. The modules are the core, the runtimes of used features, and generated code; anything else is refused with the
 *    chain of imports that brought it.
 * 2. Only the runtime's own modules are imported at run time.
 * 3. Some globals are not used. That is asked of esbuild's scope analysis rather than by searching the text, so that an
 *    answer in a routes file may say "eval(".
 * 4. The code that is the same for all routes files stays below a ceiling.
 * 5. A feature's runtime does nothing as it is loaded, so that the functions no route calls are not in the bundle, and
 *    nothing of a feature happens but in the phases that the routes use it in.
 */
import { readFile } from "node:fs/promises";
import { builtinModules } from "node:module";
import { join, matchesGlob, resolve } from "node:path";
import { build, type Metafile, type Plugin, transform } from "esbuild";
import { type Bundle, type BundleInput, bundleOptions, shownPath } from "./bundle.ts";
import { GENERATED_FILES } from "./emit/index.ts";

/**
 * Bytes of core and features together; to be raised in the commit that needs more, with its reason: 68 KiB for what
 * serves; what else there is adds, alone, 8 KiB for tests that an executable checks itself by, 37 KiB for builds that
 * take over from each other, 7 KiB for a service that systemd watches, 28 KiB for what observes. All of it together has
 * 141 KiB (test/gate.test.ts).
 */
export const CODE_BYTES_MAX = 143 * 1024;

/** Globals by how they are written, why they are refused, and the files of the core that may use them all the same. */
export const FORBIDDEN: Readonly<Record<string, { readonly why: string; readonly except: readonly string[] }>> = {
  eval: { why: "the device runs no code that the build has not seen", except: [] },
  Function: { why: "the device runs no code that the build has not seen", except: [] },
  console: { why: "it writes synchronously and unformatted; use src/core/log.ts", except: ["src/core/log.ts"] },
  fetch: { why: "only declared endpoints are reached, through src/core/connection.ts", except: [] },
  Date: { why: "a device's clock may be wrong or jump; use src/core/timers.ts", except: ["src/core/log.ts"] },
  setTimeout: { why: "src/core/timers.ts has the only clock", except: ["src/core/timers.ts"] },
  setInterval: { why: "src/core/timers.ts has the only clock", except: ["src/core/timers.ts"] },
  Intl: { why: "the packed runtime knows no languages (build/icu.ts)", except: [] },
  "process.env": { why: "a device's behaviour is compiled in", except: ["src/core/**"] },
};

/** What needs ICU's languages under a name that is no global; generated code calls none, and its texts may say anything. */
const LANGUAGE_METHODS = /\.(localeCompare|toLocale(?:Date|Time)?String)\b/;

/** All problems, one line each; none if the bundle may be packed. */
export async function gate(input: BundleInput, made: Bundle): Promise<string[]> {
  const globals = await refusedGlobals(input, made);
  // Where `eval` is used, everything may be an effect.
  const effects = globals.length === 0 ? await refusedEffects(input, made.metafile) : [];
  return [
    ...refusedModules(input, made.metafile),
    ...refusedImports(made.metafile),
    ...globals,
    ...refusedSize(made),
    ...effects,
  ];
}

function refusedModules(input: BundleInput, metafile: Metafile): string[] {
  const generated = new Set<string>(GENERATED_FILES.map((file) => `generated:${file}`));
  const isAllowed = (path: string) =>
    generated.has(path) || /^src\/core\/[\w/.-]+\.ts$/.test(path) || isRuntime(input, path);
  // What a refused module imports in turn needs no line of its own.
  const entered = new Set(
    Object.entries(metafile.inputs).flatMap(([path, { imports }]) =>
      isAllowed(path) ? imports.map((imported) => imported.path) : [],
    ),
  );
  return Object.keys(metafile.inputs)
    .filter((path) => !isAllowed(path) && entered.has(path))
    .map((path) => `${shownPath(path)} may not be in the bundle: ${whyRefused(path)}; ${chainTo(metafile, path)}`);
}

/** runtime.ts or runtime-*.ts of a feature in use. */
function isRuntime({ features }: BundleInput, path: string): boolean {
  return features.some(
    ({ folder }) => path.startsWith(`${folder}/`) && /^runtime(-[a-z0-9-]+)?\.ts$/.test(path.slice(folder.length + 1)),
  );
}

function whyRefused(path: string): string {
  if (path.includes("node_modules/")) return "the device program has no dependencies";
  if (/(^|\/)build\//.test(path)) return "the compiler does not run on the device";
  if (path.endsWith("/feature.ts")) return "a feature.ts runs at build only";
  return "it is neither core, nor a runtime.ts or runtime-*.ts of a used feature, nor generated";
}

function refusedImports(metafile: Metafile): string[] {
  const builtin = new Set(builtinModules.map((name) => `node:${name.replace(/^node:/, "")}`));
  return Object.entries(metafile.inputs).flatMap(([importer, { imports }]) =>
    imports
      .filter(({ external, path }) => external === true && !builtin.has(path))
      .map(({ path }) => `${path} is no module of the runtime; ${chainTo(metafile, importer)} → ${path}`),
  );
}

/** "imported by src/core/main.ts → … → path": the shortest way from the entry. */
function chainTo(metafile: Metafile, wanted: string): string {
  const entry = Object.values(metafile.outputs)[0]!.entryPoint!;
  const cameFrom = new Map<string, string>();
  const queue = [entry];
  for (const path of queue) {
    if (path === wanted) break;
    for (const { path: next, external } of metafile.inputs[path]!.imports) {
      if (external === true || cameFrom.has(next) || next === entry) continue;
      cameFrom.set(next, path);
      queue.push(next);
    }
  }
  const chain = [wanted];
  while (cameFrom.has(chain[0]!)) chain.unshift(cameFrom.get(chain[0]!)!);
  return `imported by ${chain.map(shownPath).join(" → ")}`;
}

/** Every use of a forbidden global is renamed to something that no text can contain, then looked for. */
async function refusedGlobals(input: BundleInput, made: Bundle): Promise<string[]> {
  const names = Object.keys(FORBIDDEN);
  // A literal cannot hold the hash of a bundle that it is part of.
  const markers = names.map((_, i) => `forbidden_${i}_${made.sha256}`);
  const problems: string[] = [];
  for (const path of Object.keys(made.metafile.inputs)) {
    if (!path.endsWith(".ts")) continue; // refused already, whatever it uses
    const generated = path.startsWith("generated:");
    const file = generated ? join(input.generated, path.slice("generated:".length)) : resolve(input.repository, path);
    const { code } = await transform(await readFile(file, "utf8"), {
      loader: "ts",
      define: Object.fromEntries(names.map((name, i) => [name, markers[i]!])),
    });
    const method = generated ? undefined : LANGUAGE_METHODS.exec(code)?.[1];
    if (method !== undefined) problems.push(`${shownPath(path)} uses ${method}: ${FORBIDDEN.Intl!.why}`);
    names.forEach((name, i) => {
      const { why, except } = FORBIDDEN[name]!;
      if (code.includes(markers[i]!) && !except.some((pattern) => matchesGlob(path, pattern))) {
        problems.push(`${shownPath(path)} uses ${name}: ${why}`);
      }
    });
  }
  return problems;
}

function refusedSize(made: Bundle): string[] {
  const code = made.inputs.filter(({ path }) => !path.startsWith("generated/"));
  const bytes = code.reduce((sum, { bytes }) => sum + bytes, 0);
  if (bytes <= CODE_BYTES_MAX) return [];
  const largest = code.toSorted((a, b) => b.bytes - a.bytes).slice(0, 5);
  const shown = largest.map(({ path, bytes }) => `${path} ${bytes}`).join(", ");
  return [`core and features have ${bytes} bytes, at most ${CODE_BYTES_MAX} are allowed; the largest: ${shown}`];
}

/** Bundled for nothing but being loaded, a module without effects leaves no code. */
async function refusedEffects(input: BundleInput, metafile: Metafile): Promise<string[]> {
  const runtimes = Object.keys(metafile.inputs).filter((path) => isRuntime(input, path));
  const problems = await Promise.all(
    runtimes.map(async (path) => {
      const { entryPoints: _, outfile: __, ...options } = bundleOptions(input);
      const made = await build({
        ...options,
        stdin: { contents: `import ${JSON.stringify(`./${path}`)};`, resolveDir: input.repository, loader: "ts" },
        format: "esm",
        write: false,
        plugins: [loadAlone(resolve(input.repository, path))],
      });
      const code = made.outputFiles![0]!.text.trim();
      const shown = code.length > 80 ? `${code.slice(0, 80)}…` : code;
      const advice = "keep state in functions, or mark what makes it /* @__PURE__ */";
      return code === "" ? [] : [`${path} does something as it is loaded: ${shown}; ${advice}`];
    }),
  );
  return problems.flat();
}

/** Whatever the module imports is judged by itself. */
function loadAlone(file: string): Plugin {
  return {
    name: "alone",
    setup(build) {
      build.onResolve({ filter: /.*/ }, ({ kind, importer }) => {
        const isEntry = kind === "entry-point" || importer === "<stdin>";
        return isEntry ? { path: file } : { path: "other", external: true, sideEffects: false };
      });
    },
  };
}
