/**
 * The client's address without a system call per request.
 *
 * uWebSockets.js asks the kernel (getpeername) each time an address is read, and gives a request no identity of its
 * connection that an address could be remembered by. But it reports every connection that opens and closes. So: as
 * long as all connections opened since there were last none came from one address, every request does too, and that
 * address is known. That is a device behind one balancer, beside one sidecar, or with one busy client. With several
 * client addresses at once each request costs that one call more.
 */
import type { HttpResponse } from "uWebSockets.js";
import { CONNECTIONS_MAX, HAS_UPDATE, HAS_WATCHDOG } from "#generated/constants.ts";

let open = 0;
/** Connections for which there was no room, so far. */
export let turnedAway = 0;
/** Address of every open connection, or "" when there are several or none. */
let sole = "";

/** While a request to ourselves is under way: what `sole` was before it, and how many from elsewhere have opened since. */
let soleBefore = "";
let othersSince = 0;

/** To be called for every change: +1 as a connection opens, with a live `res`; -1 as it closes. */
export function trackConnection(res: HttpResponse, change: number): void {
  if (change > 0) {
    const address = askKernel(res);
    if (HAS_WATCHDOG && address !== soleBefore) othersSince += 1;
    sole = open === 0 || sole === address ? address : "";
    open += 1;
    if ((HAS_WATCHDOG || HAS_UPDATE) && open > CONNECTIONS_MAX) turnedAway += 1;
  } else {
    open -= 1;
    if (open === 0) sole = "";
  }
}

/** This process is about to open a connection to itself. */
export function expectSelf(): void {
  soleBefore = sole;
  othersSince = 0;
}

/** `res` is that connection's, and no more requests come by it: if no other one is to blame, all is as it was before. */
export function excuseSelf(res: HttpResponse): void {
  if (soleBefore !== "" && othersSince === 1 && askKernel(res) !== soleBefore) sole = soleBefore;
  soleBefore = "";
}

/** Text form: dotted for IPv4 and for IPv4 mapped into IPv6, else IPv6 in full groups; "" if the socket is gone. */
export function peerAddress(res: HttpResponse): string {
  return sole !== "" ? sole : askKernel(res);
}

export function openConnections(): number {
  return open;
}

const MAPPED_PREFIX = "0000:0000:0000:0000:0000:ffff:";

function askKernel(res: HttpResponse): string {
  const text = Buffer.from(res.getRemoteAddressAsText()).latin1Slice();
  if (!text.startsWith(MAPPED_PREFIX)) return text;
  const groups = text.slice(MAPPED_PREFIX.length).split(":");
  const high = Number.parseInt(groups[0]!, 16);
  const low = Number.parseInt(groups[1]!, 16);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
