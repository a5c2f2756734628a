/** Hosts: names, wildcards and literal addresses that routes answer; and the warning where a route answers any host. */
import { isIPv4, isIPv6 } from "node:net";
import type { Draft } from "../schema/explain.ts";
import { hasHoles } from "../schema/explain.ts";
import type { Path } from "../source.ts";
import { type AnalysisInput, routesOf } from "./input.ts";

export function checkHosts(input: AnalysisInput): void {
  checkList(input, ["defaults", "hosts"], input.routesFile?.defaults?.hosts);
  for (const [index, { hosts }] of routesOf(input)) checkList(input, ["routes", index, "hosts"], hosts);
  warnOfAnyHost(input);
}

function checkList(input: AnalysisInput, path: Path, hosts: Draft<readonly string[]> | undefined): void {
  const seen = new Set<string>();
  for (const [index, text] of (hosts ?? []).entries()) {
    if (text === undefined) continue;
    const host = parseHost(text);
    if ("mistake" in host) input.routes.error("HW1302", [...path, index], host.mistake);
    else if (seen.has(host.name)) input.routes.error("HW1305", [...path, index], `the host ${host.name} is here twice`);
    else seen.add(host.name);
  }
}

/** One warning for all routes: many of them would hide the rest. */
function warnOfAnyHost(input: AnalysisInput): void {
  const { defaults } = input.routesFile ?? {};
  if (defaults?.hosts !== undefined || (defaults !== undefined && hasHoles(defaults))) return;
  const open = routesOf(input).filter(([, route]) => route.hosts === undefined && !hasHoles(route));
  const [first] = open;
  if (first === undefined) return;
  const names = open.slice(0, 5).map(([index, { name }]) => name ?? `[${index}]`);
  const rest = open.length > names.length ? ` and ${open.length - names.length} more` : "";
  const message = `any host is answered by ${names.join(", ")}${rest}; name the hosts, here or under defaults`;
  input.routes.warning("HW1901", ["routes"], message, "key");
}

/** Lower case and as the Host field carries it: IPv6 in brackets, in its canonical form. Wildcards keep their `*.`. */
export function parseHost(text: string): { readonly name: string } | { readonly mistake: string } {
  if (text.includes("*")) return parseWildcard(text);
  if (/^[a-z]+:\/\//i.test(text))
    return {
      mistake: `a host has no scheme and no path; write "${text.replace(/^[a-z]+:\/\//i, "").replace(/[/:].*$/, "")}"`,
    };
  const bare = text.replace(/^\[(.*)\]$/, "$1");
  if (isIPv6(bare) && !bare.includes("%")) return { name: new URL(`http://[${bare}]`).hostname };
  if (isIPv4(text)) return { name: text };
  if (/:\d+$/.test(text))
    return { mistake: `a host has no port, requests to any port match; write "${text.replace(/:\d+$/, "")}"` };
  const name = text.toLowerCase();
  if (/^[\d.]+$/.test(name)) return { mistake: `"${text}" is neither an IPv4 address nor a name` };
  if (isHostName(name)) return { name };
  return { mistake: `expected a host name such as gw.local or an address, found "${text}"${hintName(text)}` };
}

/** `*.` and a name; see match/hosts.ts. */
function parseWildcard(text: string): { readonly name: string } | { readonly mistake: string } {
  if (text === "*") return { mistake: "any host is what holds where neither the route nor defaults name hosts" };
  const below = text.startsWith("*.") ? text.slice(2).toLowerCase() : "*";
  if (below.includes("*"))
    return { mistake: `"*" stands for whole labels at the start, as in "*.example.net"; found "${text}"` };
  const base = parseHost(text.slice(2));
  if ("mistake" in base) return { mistake: `after "*.": ${base.mistake}` };
  if (isIPv4(below) || base.name !== below || below.startsWith("["))
    return { mistake: `an address has no names below it; found "${text}"` };
  return { name: `*.${below}` };
}

/** RFC 1123 2.1 with the underscore that internal names use; without the final dot. */
export function isHostName(name: string): boolean {
  return (
    name.length <= 253 && /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/.test(name)
  );
}

function hintName(text: string): string {
  if (/[^\u0020-\u007e]/.test(text)) return "; write international names in their xn-- form";
  return text.endsWith(".") ? "; leave the last dot out" : "";
}
