/** Manifests and their differences as people read them. Pure: the commands print. */
import { showBytes } from "../budget/term.ts";
import { rows } from "../report.ts";
import { showDurationMs, showSizeBytes } from "../schema/units.ts";
import type { Plain } from "./describe.ts";
import { type Change, type Difference, isGroup } from "./diff.ts";
import type { Inside } from "./read.ts";

/** What `hardwire inspect` shows, without a last line break. */
export function renderInside({ file, sha256, bytes, manifest }: Omit<Inside, "data">): string {
  const { manifest: _, name, target, glibc, versions, ...more } = manifest;
  const { budget, upstreams, routes, sha256: hashes, ...rest } = more;
  const title = rows(`${name} for ${target}: ${file}`, [
    ["sha256", sha256],
    ["size", `${megabytes(bytes.executable)}, of it program ${(bytes.program / 1000).toFixed(1)} kB`],
    ["made with", `hardwire ${versions.hardwire}, Node ${versions.node}, uwebsockets ${versions.uwebsockets}`],
    ["glibc", `${glibc} or newer`],
    ...settingRows(rest),
    // Each its own row: they are compared by eye.
    ...Object.entries(hashes).map(([name, hash]) => [`sha256 of ${name}`, hash] as const),
  ]);
  const sections = Object.entries({ budget, upstreams, routes }).flatMap(([section, entries]) => [
    "",
    section,
    ...Object.entries(entries).map(([name, settings]) => indent(rows(name, settingRows(settings, [name])))),
  ]);
  return harmless([title, ...sections].join("\n"));
}

/** What `hardwire diff` shows, without a last line break; "" for nothing. */
export function renderDifference({ changes, unexplained, outside }: Difference): string {
  const lines = changes.map(renderChange);
  for (const name of unexplained) {
    const isInput = name === "routes" || name === "target";
    const why = isInput
      ? "another text (order, comments, layout) that says the same"
      : "other bytes, though no setting differs";
    lines.push(`~ ${isInput ? `${name} file` : name}: ${why}`);
  }
  if (outside) lines.push("~ bytes outside of what the manifest tells: one of the two was changed after its build");
  return harmless(lines.join("\n"));
}

function renderChange({ path, before, after }: Change): string {
  const name = [...path.slice(0, -1), bare(path.at(-1)!)].join(".");
  if (before === undefined) return renderWhole("+", name, path, after!);
  if (after === undefined) return renderWhole("-", name, path, before);
  if (Array.isArray(before) && Array.isArray(after)) {
    const [was, is] = [before, after].map((list) => list.map((entry) => show([], entry)));
    const gone = was!.filter((entry) => !is!.includes(entry)).map((entry) => `-${entry}`);
    const come = is!.filter((entry) => !was!.includes(entry)).map((entry) => `+${entry}`);
    return `~ ${name}: ${[...gone, ...come].join(" ")}`;
  }
  const [was, is] = [show(path, before), show(path, after)];
  // Rounded, two sizes may look the same.
  return was === is ? `~ ${name}: ${before} → ${after}` : `~ ${name}: ${was} → ${is}`;
}

/** A route or upstream with all it has, line by line; anything smaller on one line. */
function renderWhole(mark: string, name: string, path: readonly string[], value: Plain): string {
  if (!isGroup(value)) return `${mark} ${name}: ${show(path, value)}`;
  return rows(`${mark} ${name}`, settingRows(value, path)).replaceAll("\n", `\n${mark}`);
}

function settingRows(settings: object, path: readonly string[] = []): [string, string][] {
  return Object.entries(settings).map(([key, value]) => [bare(key), show([...path, key], value)]);
}

/** One line: groups inside in brackets, null as the "any" or "none" that it means, numbers in the unit of their key. */
function show(path: readonly string[], value: Plain): string {
  if (value === null) return MEANS_ANY.has(path.at(-1)!) ? "any" : "none";
  if (Array.isArray(value)) return value.map((entry) => show([], entry)).join(", ") || "none";
  if (isGroup(value)) {
    const entries = Object.entries(value).map(([key, inner]) => {
      const shown = show([...path, key], inner);
      return isGroup(inner) ? `${key} (${shown})` : `${bare(key)} ${shown}`;
    });
    return entries.join(", ") || "none";
  }
  if (typeof value === "number") return showNumber(path, value);
  return typeof value === "string" && /[\n"]|^ | $|^$/.test(value) ? JSON.stringify(value) : String(value);
}

const MEANS_ANY: ReadonlySet<string> = new Set(["listeners", "hosts", "methods"]);
const SIZE_CHARS_MAX = 6;

/** A key without a unit has that of the group it is in. */
function showNumber(path: readonly string[], value: number): string {
  const key = path.findLast((part) => /(^|_)(ms|bytes)(_max)?$/.test(part));
  if (key === undefined) return String(value);
  if (/ms(_max)?$/.test(key)) return showDurationMs(value);
  const exact = showSizeBytes(value);
  return exact.length <= SIZE_CHARS_MAX ? exact : showBytes(value);
}

/** The unit stands with the value. */
function bare(key: string): string {
  return key.replace(/_ms$/, "");
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A foreign file must not be able to steer the terminal. */
function harmless(text: string): string {
  return text.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} \n]/gu, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);
}
