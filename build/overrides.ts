/**
 * A target's `overrides`: values of the routes file that are different on these devices. Only what is written in the
 * routes file can be overridden, value by value, so that it still shows everything that can happen. Values take their
 * place before anything is checked, hence with the same schema and passes as if they stood there.
 */
import { collectProblems, type Problems } from "./diagnostics.ts";
import { didYouMean } from "./near-miss.ts";
import { isMapping, locate, type Path, type Source, type Spot } from "./source.ts";

/** What tells gateways and routes apart, in logs and between builds. */
const FIXED = /^(version|name|routes\.[^.]+\.name)$/;

/**
 * The routes file with the values in their places. Mistakes in their paths are reported into `target`.
 *
 * @param codes for mistakes in the values
 */
export function applyOverrides(routes: Problems, target: Problems, codes: Readonly<Record<string, string>>): Problems {
  const wanted = isMapping(target.source.value) ? target.source.value.overrides : undefined;
  const { value } = routes.source;
  // Without routes there is nothing to compare with; what is no mapping the schema refuses.
  if (!isMapping(wanted) || !isMapping(value)) return routes;
  let source = { ...routes.source, value: structuredClone(value) };
  for (const [text, replacement] of Object.entries(wanted)) {
    const path = find(value, text, []);
    const mistake = path === undefined ? unknownPath(routes.source, text) : refusal(value, path, text);
    if (path === undefined || mistake !== undefined) {
      const code = path === undefined ? "HW1504" : "HW1505";
      target.error(code, ["overrides", text], mistake!, "key");
    } else {
      const { spot, in: origin } = locate(target.source, ["overrides", text]);
      const old = locate(routes.source, path);
      const replaces = { in: old.in, range: old.spot.key ?? old.spot.value };
      source = { ...source, root: withSpot(source.root, path, { ...spot, origin, replaces }) };
      put(source.value, path, replacement);
    }
  }
  return collectProblems(source, codes, routes.list());
}

/** A path as diagnostics show it, `routes.plc.timeouts.request`; entries of lists are found by their name. */
function find(value: unknown, text: string, before: Path): Path | undefined {
  for (const [key, part, child] of childrenOf(value)) {
    if (text === key) return [...before, part];
    const deeper = text.startsWith(`${key}.`) ? find(child, text.slice(key.length + 1), [...before, part]) : undefined;
    if (deeper !== undefined) return deeper;
  }
  return undefined;
}

type Child = readonly [key: string, part: string | number, value: unknown];

function childrenOf(value: unknown): Child[] {
  if (isMapping(value)) return Object.entries(value).map(([key, child]) => [key, key, child]);
  if (!Array.isArray(value)) return [];
  return value.flatMap((child, i): Child[] =>
    isMapping(child) && typeof child.name === "string" ? [[child.name, i, child]] : [],
  );
}

function refusal(root: unknown, path: Path, text: string): string | undefined {
  const value = path.reduce((at: unknown, part) => (at as Record<string | number, unknown>)[part], root);
  if (isMapping(value)) {
    const inner = leaves(value, text);
    const which = inner.length === 0 ? "it is empty" : `override its values one by one, such as ${few(inner)}`;
    return `${text} is a mapping; ${which}`;
  }
  if (path.length === 1 && path[0] === "routes") return "routes are overridden value by value: routes.NAME.upstream";
  return FIXED.test(text) ? `${text} is the same on every device and cannot be overridden` : undefined;
}

function unknownPath(source: Source, text: string): string {
  const known = leaves(source.value, "");
  const near = didYouMean(text, known);
  if (near !== "") return `${source.file} sets no ${text}${near}`;
  const parts = text.split(".");
  for (let length = parts.length - 1; length > 0; length--) {
    const parent = `${parts.slice(0, length).join(".")}.`;
    const siblings = known.filter((path) => path.startsWith(parent));
    if (siblings.length > 0) return `${source.file} sets no ${text}; what it sets there: ${few(siblings)}`;
  }
  return `${source.file} sets no ${text}; only what is written there can be overridden`;
}

/** Paths of everything that can be overridden: of what is no mapping, and no list of entries with names. */
function leaves(value: unknown, before: string): string[] {
  return childrenOf(value).flatMap(([key, , child]) => {
    const path = before === "" ? key : `${before}.${key}`;
    const inner = leaves(child, path);
    return inner.length > 0 || isMapping(child) || FIXED.test(path) ? inner : [path];
  });
}

function few(paths: readonly string[]): string {
  return paths.length <= 5 ? paths.join(", ") : `${paths.slice(0, 5).join(", ")} and ${paths.length - 5} more`;
}

function withSpot(spot: Spot, [part, ...rest]: Path, replacement: Spot): Spot {
  if (part === undefined) return replacement;
  const children = new Map(spot.children);
  const child = children.get(part)!;
  children.set(part, rest.length === 0 ? replacement : withSpot(child, rest, replacement));
  return { ...spot, children };
}

function put(root: unknown, path: Path, value: unknown): void {
  let holder = root as Record<string | number, unknown>;
  for (const part of path.slice(0, -1)) holder = holder[part] as Record<string | number, unknown>;
  holder[path.at(-1)!] = value;
}
