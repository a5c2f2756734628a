/**
 * A request to ourselves: through the kernel, a listener and the event loop, as a client's, and answered before anything
 * of the gateway sees it, so that it is in no log and no count and needs no upstream.
 *
 * It is a TRACE, which routes cannot take, of a path that only this process knows: uWebSockets.js looks at a request's
 * method first, so all others cost what they always did. A stranger's TRACE is answered 501 as ever. Whoever guessed the
 * path would get an empty answer of it.
 */
import type { HttpRequest, HttpResponse, TemplatedApp } from "uWebSockets.js";
import type { Listener } from "#generated/tables.ts";
import { excuseSelf, expectSelf, turnedAway } from "./peer.ts";
import { readArea } from "./slab.ts";
import { soon } from "./timers.ts";
import { Transport } from "./transport.ts";

type Handler = (res: HttpResponse, req: HttpRequest) => void;

/**
 * Nothing depends on its being hard to guess. A process that takes over from this one inherits it, so that each of them
 * knows the other's requests.
 */
function ownPath(): string {
  process.env.HARDWIRE_SELF ??= `/${Math.random().toString(36).slice(2)}${Math.random().toString(36).slice(2)}`;
  return process.env.HARDWIRE_SELF;
}

/** @param others what becomes of every other TRACE */
export function answerSelf(app: TemplatedApp, others: Handler): void {
  const path = ownPath();
  app.trace("/*", (res, req) => {
    if (req.getUrl() !== path) {
      others(res, req);
      return;
    }
    excuseSelf(res);
    res.endWithoutBody(0, true);
  });
}

/** The listener's address is not on this machine any more, such as while a cable is out: no restart brings it back. */
const ADDRESS_GONE = ["EADDRNOTAVAIL", "ENETUNREACH", "EHOSTUNREACH", "ENETDOWN"];
const ANSWER = "HTTP/1.1 ";

/**
 * @param then gets why there was no answer, a system error code; "" if there was one, or if nothing is wrong with us
 * @returns what gives up on it
 */
export function askSelf({ host, port }: Listener, then: (error: string) => void): () => void {
  const end = (error: string): void => {
    transport.close();
    then(error);
  };
  expectSelf();
  const before = turnedAway;
  const address = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  const transport: Transport = new Transport({ host: address, port, socketPath: "", weight: 1 }, false, {
    onConnected: () => transport.write(Buffer.from(`TRACE ${ownPath()} HTTP/1.1\r\nhost: self\r\n\r\n`)),
    onRead: () => end(readArea.latin1Slice(0, ANSWER.length) === ANSWER ? "" : "EPROTO"),
    onWritten: () => {},
    // With all connections taken it is accepted and closed: a full gateway does not hang. By now it may have room again.
    onGone: (error) => end(turnedAway > before || ADDRESS_GONE.includes(error) ? "" : error || "EOF"),
  });
  if (leadsElsewhere(transport, address)) soon(() => end(""));
  return () => transport.close();
}

/**
 * Where nothing says otherwise the kernel connects an address of this machine to itself. From another one, the way leads
 * out of the machine: a listener can keep an address that is gone (net.ipv4.ip_nonlocal_bind).
 */
function leadsElsewhere({ handle }: Transport, address: string): boolean {
  const chosen: { address?: string } = {};
  handle?.getsockname(chosen);
  return ![undefined, "0.0.0.0", "::", address].includes(chosen.address);
}
