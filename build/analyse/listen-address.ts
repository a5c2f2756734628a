/** Where a listener listens: a literal address with a port, or the path of a unix socket. */
import { isIPv4, isIPv6 } from "node:net";
import { parsePort } from "./endpoints.ts";

/** What the kernel takes (unix(7)), less the terminating zero. */
const SOCKET_PATH_BYTES_MAX = 107;

export interface Address {
  /** Literal, without brackets; "" with a unix socket. */
  readonly host: string;
  /** 0 with a unix socket. */
  readonly port: number;
  /** Path of a unix socket, else "". */
  readonly socketPath: string;
}

export function parseAddress(text: string): Address | { readonly mistake: string } {
  if (text.startsWith("unix:")) return parseSocket(text.slice("unix:".length));
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
  if (isIPv4(name)) return { host: name, port, socketPath: "" };
  const bare = /^\[(.*)\]$/.exec(name)?.[1];
  if (bare !== undefined && isIPv6(bare) && !bare.includes("%"))
    return { host: new URL(`http://[${bare}]`).hostname.slice(1, -1), port, socketPath: "" };
  const local = name === "localhost" ? `; write "127.0.0.1:${port}"` : "; a device may have no resolver when it starts";
  return { mistake: `"${name}" is not a literal address${local}` };
}

function parseSocket(path: string): Address | { readonly mistake: string } {
  const isPlain = /^\/[!-~]+$/.test(path) && !path.endsWith("/") && !path.split("/").includes("..");
  if (!isPlain) return { mistake: 'expected an absolute path such as "unix:/run/gw/admin.sock"' };
  if (path.length > SOCKET_PATH_BYTES_MAX) return { mistake: `longer than ${SOCKET_PATH_BYTES_MAX} bytes` };
  return { host: "", port: 0, socketPath: path };
}
