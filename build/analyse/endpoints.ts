/** Endpoints and connections of upstreams. Only what is written here can be reached by the device at all. */
import { isIPv4, isIPv6 } from "node:net";
import { posix } from "node:path";
import type { PlannedEndpoint } from "../plan.ts";
import { CONNECTIONS_IDLE_MAX, CONNECTIONS_MAX } from "../schema/defaults.ts";
import type { Draft } from "../schema/explain.ts";
import type { UpstreamEntry } from "../schema/routes.ts";
import type { Path } from "../source.ts";
import { canonicalIPv6, readAnyIPv4 } from "./addresses.ts";
import { isHostName } from "./hosts.ts";
import { type AnalysisInput, upstreamsOf } from "./input.ts";
import { metadataHost } from "./metadata.ts";

/** What `sun_path` of a unix address holds besides its closing NUL (unix(7)). */
const SOCKET_PATH_BYTES_MAX = 107;

/** An endpoint without what the routes file says beside its URL. */
type Address = Omit<PlannedEndpoint, "weight">;

export function checkEndpoints(input: AnalysisInput): void {
  for (const [name, upstream] of upstreamsOf(input)) {
    const path = ["upstreams", name];
    const seen = new Map<string, number>();
    for (const [index, endpoint] of (upstream.endpoints ?? []).entries()) {
      if (endpoint?.url !== undefined) checkUrl(input, [...path, "endpoints", index, "url"], endpoint.url, index, seen);
    }
    const { max, max_idle: idle } = upstream.connections ?? {};
    if (idle !== undefined && idle > (max ?? CONNECTIONS_MAX)) {
      const most = max === undefined ? `the default of max, ${CONNECTIONS_MAX}` : `max, ${max}`;
      input.routes.error("HW1405", [...path, "connections", "max_idle"], `${idle} is more than ${most}`);
    }
    warnOfChoice(input, name, upstream);
  }
}

/** With one endpoint there is nothing to choose. A warning only: the others may be away for maintenance. */
function warnOfChoice(input: AnalysisInput, name: string, upstream: Draft<UpstreamEntry>): void {
  if (upstream.endpoints?.length !== 1) return;
  const message = "this has no effect, since the upstream has one endpoint";
  const path = ["upstreams", name];
  if (upstream.lb_policy !== undefined) input.routes.warning("HW1902", [...path, "lb_policy"], message, "key");
  if (upstream.endpoints[0]?.weight !== undefined)
    input.routes.warning("HW1902", [...path, "endpoints", 0, "weight"], message, "key");
}

function checkUrl(input: AnalysisInput, path: Path, text: string, index: number, seen: Map<string, number>): void {
  // What is wrong with those is said by analyse/metadata.ts, in whatever notation they come.
  if (metadataHost(text) !== undefined) return;
  const endpoint = parseEndpoint(text);
  if ("mistake" in endpoint) {
    input.routes.error("HW1303", path, endpoint.mistake, /\/\/[^/]*@/.test(text) ? "hidden" : "value");
    return;
  }
  const key = endpoint.socketPath || `${endpoint.host} ${endpoint.port}`;
  const other = seen.get(key);
  if (other === undefined) seen.set(key, index);
  else
    input.routes.error(
      "HW1305",
      path,
      `the same endpoint is at ${input.routes.place([...path.slice(0, -2), other, "url"])}`,
    );
}

/** The endpoint, or what is wrong with its URL. Addresses are put in their canonical form. */
export function parseEndpoint(text: string): Address | { readonly mistake: string } {
  if (/^unix:/i.test(text)) return parseSocketPath(text.slice(5));
  const nginxStyle = /^http(?::\/\/unix:|\+unix:\/\/)(\/.*?):?$/i.exec(text)?.[1];
  if (nginxStyle !== undefined) return { mistake: `a unix socket is written "unix:${nginxStyle}"` };
  const example = 'write it as "http://host:port"';
  if (/^https:/i.test(text)) return { mistake: "https to an endpoint is not supported yet; only http" };
  const parts = /^http:\/\/([^/?#]*)(.*)$/i.exec(text);
  if (parts === null) {
    const bare = /^[\w.-]+(:\d+)?$/.test(text)
      ? `write "http://${text}"`
      : text.startsWith("/")
        ? `write "unix:${text}"`
        : example;
    return { mistake: `expected a URL that begins with http:// or unix:/, found "${text}"; ${bare}` };
  }
  const [, authority = "", rest = ""] = parts;
  if (authority.includes("@")) return { mistake: "user and password do not belong into a routes file" };
  if (rest === "/") return { mistake: `an endpoint has no path; write "http://${authority}", without the last slash` };
  if (rest !== "") return { mistake: `an endpoint has no path or query ("${rest}"); requests keep theirs` };
  const [, name = "", , portText] = /^(\[[^\]]*\]|[^:]*)(:(.*))?$/.exec(authority) ?? [];
  const host = parseEndpointHost(name);
  const meant = host === undefined ? readAnyIPv4(name) : undefined;
  if (meant !== undefined) return { mistake: explainNotation(name, meant) };
  if (host === undefined) return { mistake: `"${authority}" is not a host name or address with a port; ${example}` };
  if (portText === undefined) return { host, port: 80, socketPath: "" };
  const port = parsePort(portText);
  if (port === undefined) return { mistake: `the port "${portText}" is not a number from 1 to 65535` };
  return { host, port, socketPath: "" };
}

/** One spelling for each socket, so that two endpoints are seen to be the same one. */
function parseSocketPath(path: string): Address | { readonly mistake: string } {
  if (!path.startsWith("/"))
    return { mistake: `a unix socket is named by its absolute path, "unix:/run/plc/http.sock"; found "${path}"` };
  if (/[?#]/.test(path)) return { mistake: `an endpoint has no query ("${path}"); requests keep theirs` };
  if (/\p{Cc}/u.test(path)) return { mistake: "a control character in the path of a unix socket" };
  const normal = posix.normalize(path);
  if (normal !== path) return { mistake: `the path "${path}" has a shorter form; write "unix:${normal}"` };
  if (path.endsWith("/")) return { mistake: `"${path}" names a folder, not a socket` };
  const bytes = Buffer.byteLength(path);
  if (bytes > SOCKET_PATH_BYTES_MAX)
    return {
      mistake: `the path has ${bytes} bytes; the system takes at most ${SOCKET_PATH_BYTES_MAX} for a unix socket`,
    };
  return { host: "", port: 0, socketPath: path };
}

function parseEndpointHost(text: string): string | undefined {
  const bare = /^\[(.*)\]$/.exec(text)?.[1];
  if (bare !== undefined) return isIPv6(bare) && !bare.includes("%") ? canonicalIPv6(bare) : undefined;
  if (isIPv4(text)) return text;
  const name = text.toLowerCase().replace(/\.$/, "");
  // What looks like an address in another notation (127.1, 0x7f000001) is no name either: resolvers disagree about it.
  return isHostName(name) && !/^(0x[0-9a-f]+|\d+)$/.test(name.split(".").at(-1)!) ? name : undefined;
}

function explainNotation(text: string, meant: string): string {
  return /(^|\.)0\d/.test(text)
    ? `leading zeros in "${text}" mean octal numbers to some programs and nothing to others; leave them out`
    : `"${text}" is ${meant} to some programs and nothing to others; write ${meant}`;
}

export function parsePort(text: string): number | undefined {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65535 ? port : undefined;
}

/** For the plan: at most as many kept as allowed at all. */
export function connectionsOf(connections: { max?: number | undefined; max_idle?: number | undefined } | undefined) {
  const max = connections?.max ?? CONNECTIONS_MAX;
  return { max, idle: connections?.max_idle ?? Math.min(CONNECTIONS_IDLE_MAX, max) };
}
