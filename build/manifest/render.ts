/** Manifests and their differences as people read them. Pure: the commands print. */
import { rows } from "../report.ts";
import { showDurationMs, showSizeBytes } from "../schema/units.ts";
import type { Plain } from "./describe.ts";
import { type Change, type Difference, isGroup } from "./diff.ts";
import type { Inside } from "./read.ts";

/** What `hardwire inspect` shows, without a last line break. */
export function renderInside({ file, sha256, bytes, manifest }: Omit<Inside, "data">): string {
  const { manifest: _, name, target, glibc, versions, upstreams, routes, sha256: hashes, ...rest } = manifest;
  const title = rows(`${name} for ${target}: ${file}`, [
    ["sha256", sha256],
    ["size", `${megabytes(bytes.executable)}, of it program ${(bytes.program / 1000).toFixed(1)} kB`],
    ["made with", `hardwire ${versions.hardwire}, Node ${versions.node}, uwebsockets ${versions.uwebsockets}`],
    ["glibc", `${glibc} or newer`],
    ...settingRows(rest),
    // Each its own row: they are compared by eye.
    ...Object.entries(hashes).map(([name, hash]) => [`sha256 of ${name}`, hash] as const),
  ]);
  const sections = Object.entries({ upstreams, routes }).flatMap(([section, entries]) => [
    "",
    section,
    ...Object.entries(entries).map(([name, settings]) => indent(rows(name, settingRows(settings)))),
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
  const key = path.at(-1)!;
  const name = [...path.slice(0, -1), bare(key)].join(".");
  if (before === undefined) return renderWhole("+", name, key, after!);
  if (after === undefined) return renderWhole("-", name, key, before);
  if (Array.isArray(before) && Array.isArray(after)) {
    const [was, is] = [before, after].map((list) => list.map((entry) => show("", entry)));
    const gone = was!.filter((entry) => !is!.includes(entry)).map((entry) => `-${entry}`);
    const come = is!.filter((entry) => !was!.includes(entry)).map((entry) => `+${entry}`);
    return `~ ${name}: ${[...gone, ...come].join(" ")}`;
  }
  return `~ ${name}: ${show(key, before)} → ${show(key, after)}`;
}

/** A route or upstream with all it has, line by line; anything smaller on one line. */
function renderWhole(mark: string, name: string, key: string, value: Plain): string {
  if (!isGroup(value)) return `${mark} ${name}: ${show(key, value)}`;
  return rows(`${mark} ${name}`, settingRows(value)).replaceAll("\n", `\n${mark}`);
}

function settingRows(settings: { readonly [key: string]: unknown }): [string, string][] {
  return Object.entries(settings).map(([key, value]) => [bare(key), show(key, value as Plain)]);
}

/** One line: groups inside in brackets, null as the "any" or "none" that it means. */
function show(key: string, value: Plain): string {
  if (value === null) return key === "upstream" ? "none" : "any";
  if (Array.isArray(value)) return value.map((entry) => show("", entry)).join(", ") || "none";
  if (isGroup(value))
    return (
      Object.entries(value)
        .map(([inner, v]) => showEntry(inner, v))
        .join(", ") || "none"
    );
  if (typeof value === "number" && /_ms(_max)?$/.test(key)) return showDurationMs(value);
  if (typeof value === "number" && /(^|_)bytes(_max)?$/.test(key)) return showSizeBytes(value);
  return typeof value === "string" && /[\n"]|^ | $|^$/.test(value) ? JSON.stringify(value) : String(value);
}

function showEntry(key: string, value: Plain): string {
  return isGroup(value) ? `${key} (${show(key, value)})` : `${bare(key)} ${show(key, value)}`;
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
