/** Listeners: literal addresses with a port, each once; and the routes that are on them. */
import { isIPv4, isIPv6 } from "node:net";
import { didYouMean } from "../near-miss.ts";
import { type Draft, hasHoles } from "../schema/explain.ts";
import type { RouteEntry } from "../schema/routes.ts";
import { parsePort } from "./endpoints.ts";
import { type AnalysisInput, routesOf } from "./input.ts";

export function checkListeners(input: AnalysisInput): void {
  checkAddresses(input);
  const known = Object.keys(input.targetFile?.listeners ?? {});
  if (known.length === 0) return;
  checkRoutes(input, known);
  checkUnserved(input, known);
}

/** Indexes into the target's listeners; undefined for any. Names that it does not have are left out. */
export function listenersOf(route: Draft<RouteEntry>, known: readonly string[]): readonly number[] | undefined {
  return route.listeners?.map((name) => (name === undefined ? -1 : known.indexOf(name))).filter((index) => index >= 0);
}

function checkRoutes(input: AnalysisInput, known: readonly string[]): void {
  for (const [index, { listeners }] of routesOf(input)) {
    const seen = new Set<string>();
    for (const [at, name] of (listeners ?? []).entries()) {
      if (name === undefined) continue;
      const path = ["routes", index, "listeners", at];
      const near = didYouMean(name, known) || `; it has ${known.join(", ")}`;
      if (!known.includes(name)) input.routes.error("HW1206", path, `the target has no listener "${name}"${near}`);
      else if (seen.has(name)) input.routes.error("HW1305", path, `the listener ${name} is here twice`);
      seen.add(name);
    }
  }
}

/** Left over where every route names its listeners. */
function checkUnserved(input: AnalysisInput, known: readonly string[]): void {
  const routes = routesOf(input);
  const whole = input.routesFile?.routes?.length === routes.length && !routes.some(([, route]) => hasHoles(route));
  if (!whole || routes.some(([, { listeners }]) => listeners === undefined)) return;
  const served = new Set(routes.flatMap(([, { listeners }]) => listeners));
  // One that was misspelt may have been meant.
  if ([...served].some((name) => name === undefined || !known.includes(name))) return;
  for (const name of known) {
    if (!served.has(name))
      input.target.error("HW1207", ["listeners", name], "no route is on this listener; remove it", "key");
  }
}

function checkAddresses(input: AnalysisInput): void {
  const seen = new Map<string, string>();
  for (const [name, listener] of Object.entries(input.targetFile?.listeners ?? {})) {
    if (listener?.address === undefined) continue;
    const path = ["listeners", name, "address"];
    const address = parseAddress(listener.address);
    if ("mistake" in address) {
      input.target.error("HW1306", path, address.mistake);
      continue;
    }
    const key = `${address.host} ${address.port}`;
    const other = seen.get(key);
    if (other === undefined) seen.set(key, name);
    else
      input.target.error(
        "HW1307",
        path,
        `the listener "${other}" has this address, at ${input.target.place(["listeners", other, "address"])}`,
      );
  }
}

export function parseAddress(
  text: string,
): { readonly host: string; readonly port: number } | { readonly mistake: string } {
  const expected = 'expected an address and port such as "127.0.0.1:8080" or "[::1]:8080"';
  if (/^\d+$/.test(text))
    return {
      mistake: `${expected}, found "${text}"; write "127.0.0.1:${text}", or "0.0.0.0:${text}" for every address`,
    };
  if (/^:\d+$/.test(text)) return { mistake: `${expected}, found "${text}"; write "0.0.0.0${text}" for every address` };
  if (isIPv4(text)) return { mistake: `the port is missing; write "${text}:8080"` };
  const unbracketed = /^(.*):(\d{2,5})$/.exec(text);
  if (isIPv6(text) && unbracketed && isIPv6(unbracketed[1]!)) {
    return { mistake: `an IPv6 address stands in brackets; write "[${unbracketed[1]}]:${unbracketed[2]}"` };
  }
  if (isIPv6(text))
    return { mistake: `an IPv6 address stands in brackets, with a port after it; write "[${text}]:8080"` };
  const [, name, portText] = /^(\[[^\]]*\]|[^:[\]]*):([^:]*)$/.exec(text) ?? [];
  if (name === undefined || portText === undefined) return { mistake: `${expected}, found "${text}"` };
  const port = parsePort(portText);
  if (port === undefined) return { mistake: `the port "${portText}" is not a number from 1 to 65535` };
  if (isIPv4(name)) return { host: name, port };
  const bare = /^\[(.*)\]$/.exec(name)?.[1];
  if (bare !== undefined && isIPv6(bare) && !bare.includes("%"))
    return { host: new URL(`http://[${bare}]`).hostname.slice(1, -1), port };
  const local = name === "localhost" ? `; write "127.0.0.1:${port}"` : "; a device may have no resolver when it starts";
  return { mistake: `"${name}" is not a literal address${local}` };
}
