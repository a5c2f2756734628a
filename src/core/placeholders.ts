/**
 * What `{name}` in a routes file's text stands for. Each function appends its value to an outgoing head; generated
 * code calls only the ones in use, so the others are not in the binary. Every value was checked before: none can
 * carry a line break or a control byte.
 */
import { routeNames, routeUpstream, upstreams } from "#generated/tables.ts";
import { putText } from "./bytes.ts";
import type { Exchange } from "./exchange.ts";
import { peerAddress } from "./peer.ts";
import { requestIdOf } from "./request-id.ts";

/** `{client.ip}`: the address of the client's socket. */
export function clientIp(x: Exchange, out: Buffer, at: number): number {
  return x.res === null ? at : putText(out, at, peerAddress(x.res));
}

/** `{request.id}`: 32 hex digits, random, the same all through one exchange; or what `request_id` took. */
export function requestId(x: Exchange, out: Buffer, at: number): number {
  return putText(out, at, requestIdOf(x));
}

/** `{host}`: the Host field as the client sent it, port included. */
export function host(x: Exchange, out: Buffer, at: number): number {
  return putText(out, at, x.host);
}

/** `{path}`: normalised, after any rewrite. */
export function path(x: Exchange, out: Buffer, at: number): number {
  return putText(out, at, x.path);
}

/** `{query}`: without the question mark; empty if there is none. */
export function query(x: Exchange, out: Buffer, at: number): number {
  return putText(out, at, x.query);
}

/** `{method}` */
export function method(x: Exchange, out: Buffer, at: number): number {
  return putText(out, at, x.method);
}

/** `{scheme}`: what the client's listener speaks. */
export function scheme(_x: Exchange, out: Buffer, at: number): number {
  return putText(out, at, "http");
}

/** `{route}`: the route's name. */
export function routeName(x: Exchange, out: Buffer, at: number): number {
  return putText(out, at, routeNames[x.route]!);
}

/** `{upstream}`: the upstream's name; empty where a feature answers. */
export function upstreamName(x: Exchange, out: Buffer, at: number): number {
  const index = routeUpstream[x.route]!;
  return index === -1 ? at : putText(out, at, upstreams[index]!.name);
}
