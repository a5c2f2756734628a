/**
 * Reads a target file together with the files it extends. Mappings are joined key by key; of everything else the
 * extending file's replaces the other's. What comes out is one value of which every part knows the file it stands in.
 */
import { dirname, isAbsolute, join, resolve } from "node:path";
import { collectProblems, type Diagnostic, type Problems } from "./diagnostics.ts";
import { load, UnreadableInput } from "./load.ts";
import { isMapping, type Source, type Spot, type TextFile } from "./source.ts";

/** More than a product line, a board, a site and a customer need. */
const FILES_MAX = 8;

/** @throws UnreadableInput if the file itself cannot be read; what cannot be extended is a mistake at its place */
export async function loadTarget(file: string): Promise<Problems> {
  const chain = [await load(file)];
  for (;;) {
    const last = chain.at(-1)!;
    const wanted = isMapping(last.source.value) ? last.source.value.extends : undefined;
    // What is no text is left to the schema.
    if (typeof wanted !== "string") break;
    const base = await loadBase(chain, last, wanted);
    if (base === undefined) return unusable(chain);
    chain.push(base);
  }
  return chain.length === 1 ? chain[0]! : joined(chain);
}

async function loadBase(chain: readonly Problems[], last: Problems, wanted: string): Promise<Problems | undefined> {
  const complain = (code: string, message: string): undefined => last.error(code, ["extends"], message) as undefined;
  if (wanted === "" || isAbsolute(wanted)) {
    return complain("HW1501", "expected the path of a target file, from this file on: linux-arm64.yaml, ../base.yaml");
  }
  const path = join(dirname(last.source.file), wanted);
  const again = chain.find(({ source }) => resolve(source.file) === resolve(path));
  if (again === last) return complain("HW1502", "a target file cannot extend itself");
  if (again !== undefined) {
    const place = again.place(["extends"]);
    return complain("HW1502", `a circle: ${path} is extended here, and what it extends, at ${place}, leads to here`);
  }
  if (chain.length === FILES_MAX) {
    const place = chain[0]!.place(["extends"]);
    return complain("HW1503", `more than ${FILES_MAX} target files extend each other; the first does at ${place}`);
  }
  try {
    return await load(path);
  } catch (error) {
    if (!(error instanceof UnreadableInput)) throw error;
    return complain("HW1501", `${path}: ${error.message}`);
  }
}

/** Without one of its files a target cannot be judged: only what was found up to here is reported. */
function unusable(chain: readonly Problems[]): Problems {
  const { file, text, root } = chain[0]!.source;
  return collectProblems({ file, text, root, value: undefined }, undefined, found(chain));
}

function joined(chain: readonly Problems[]): Problems {
  if (chain.some(({ source }) => !isMapping(source.value))) return unusable(chain);
  const source = chain.map((problems) => problems.source).reduceRight((base, own) => joinSources(own, base));
  return collectProblems(source, undefined, found(chain));
}

function found(chain: readonly Problems[]): Diagnostic[] {
  return chain.flatMap((problems) => problems.list());
}

function joinSources(own: Source, base: Source): Source {
  const { value, spot } = joinParts(own, base, base);
  // The one that was followed is done with; what is left of the base's is for the schema to refuse.
  const { extends: _followed, ...rest } = value;
  const children = new Map(spot.children);
  children.delete("extends");
  const left = isMapping(base.value) && "extends" in base.value ? { extends: base.value.extends } : {};
  const leftSpot = base.root.children?.get("extends");
  if (leftSpot !== undefined) children.set("extends", inFile(leftSpot, base));
  const { file, text, extended = [] } = own;
  return {
    file,
    text,
    extended: [...extended, base, ...(base.extended ?? [])],
    value: { ...left, ...rest },
    root: { ...spot, children },
  };
}

interface Part {
  readonly value: unknown;
  readonly root: Spot;
}

function joinParts(own: Part, base: Part, baseFile: TextFile): { value: Record<string, unknown>; spot: Spot } {
  const ownValue = own.value as Record<string, unknown>;
  const baseValue = base.value as Record<string, unknown>;
  const value = { ...ownValue };
  const children = new Map(own.root.children);
  for (const [key, inherited] of Object.entries(baseValue)) {
    const baseSpot = base.root.children!.get(key)!;
    if (!(key in ownValue)) {
      value[key] = inherited;
      children.set(key, inFile(baseSpot, baseFile));
    } else if (isMapping(ownValue[key]) && isMapping(inherited)) {
      const ownSpot = own.root.children!.get(key)!;
      const both = joinParts(
        { value: ownValue[key], root: ownSpot },
        { value: inherited, root: baseSpot },
        baseSpot.origin ?? baseFile,
      );
      value[key] = both.value;
      children.set(key, both.spot);
    }
  }
  return { value, spot: { ...own.root, children } };
}

function inFile(spot: Spot, file: TextFile): Spot {
  return spot.origin === undefined ? { ...spot, origin: file } : spot;
}
