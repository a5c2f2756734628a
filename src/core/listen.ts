/**
 * One listener: open, closed, open again, or taken over from another process of this program.
 *
 * Two processes that share a port by SO_REUSEPORT have a socket each. That is how the first of them goes on when the
 * other one is called back (upgrade/guardian.ts); to take over, the other one has the first one's socket itself.
 */

import type { TemplatedApp, us_listen_socket } from "uWebSockets.js";
import { closeSync, openSync } from "node:fs";
import { HAS_ADMIN, HAS_UPDATE } from "#generated/constants.ts";
import type { Listener } from "#generated/tables.ts";
import type { Uws } from "./addon.ts";
import { listenOnPath } from "./admin.ts";

/** LIBUS_LISTEN_EXCLUSIVE_PORT: without it two processes would share the port silently (SO_REUSEPORT). */
const EXCLUSIVE_PORT = 1;
/** LIBUS_LISTEN_DEFAULT: processes of one user may have it open together; the kernel shares connections among them. */
const SHARED_PORT = 0;

/** Admin listeners may have a path instead of an address. */
export type AnyListener = Listener & { readonly socketPath?: string };

/** A listener that could not be opened. */
export class ListenError extends Error {
  readonly exitCode: number;
  constructor(listener: AnyListener, code: string) {
    const { reason, exitCode } = LISTEN_FAILURES[code] ?? { reason: code, exitCode: 71 };
    super(`cannot listen on ${addressOf(listener)} (listener "${listener.name}"): ${reason}`);
    this.exitCode = exitCode;
  }
}

/** By system error code; exit codes as in sysexits.h. */
const LISTEN_FAILURES: Readonly<Record<string, { reason: string; exitCode: number }>> = {
  EADDRINUSE: { reason: "the address is in use by another process", exitCode: 69 },
  EACCES: { reason: "not permitted; ports below 1024 need CAP_NET_BIND_SERVICE", exitCode: 77 },
  EADDRNOTAVAIL: { reason: "this machine has no such address", exitCode: 71 },
};

/** The form with host and options, which the package's types leave out. */
type ListenWithHost = (
  this: TemplatedApp,
  host: string,
  port: number,
  options: number,
  onListen: (socket: us_listen_socket | false) => void,
) => void;

/** Functions, not methods: what a build does not call is not in it. */
export interface ListenSocket {
  /** "http://127.0.0.1:8080", "unix:/run/gateway/admin.sock" */
  readonly address: string;
  readonly app: TemplatedApp;
  readonly listener: AnyListener;
  /** False while it is closed. */
  socket: us_listen_socket | false;
  /** Its number, while it is open: for the process that is to have it, too. */
  descriptor: number;
}

export function closedSocket(app: TemplatedApp, listener: AnyListener): ListenSocket {
  return { address: addressOf(listener), app, listener, socket: false, descriptor: -1 };
}

/** @throws ListenError, also if another process has it open */
export async function openAlone(addon: Uws, each: ListenSocket): Promise<void> {
  await open(each, EXCLUSIVE_PORT);
  if (!HAS_UPDATE) return;
  // Only who is alone may share.
  closeSocket(addon, each);
  await openShared(each);
}

/** Beside another process that may have it open. @throws ListenError */
export async function openShared(each: ListenSocket): Promise<void> {
  const descriptor = nextDescriptor();
  await open(each, SHARED_PORT);
  each.descriptor = descriptor;
}

export function closeSocket(addon: Uws, each: ListenSocket): void {
  if (each.socket !== false) addon.us_listen_socket_close(each.socket);
  each.socket = false;
}

async function open(each: ListenSocket, options: number): Promise<void> {
  each.socket = listen(each.app, each.listener, options);
  if (each.socket === false) throw new ListenError(each.listener, await askWhy(each.listener));
}

/** On a port that the kernel chooses, for this machine alone. */
export function listenAnywhere(app: TemplatedApp): us_listen_socket | false {
  return listen(app, { name: "", host: "127.0.0.1", port: 0 }, EXCLUSIVE_PORT);
}

/** Which number the next thing that is opened will have. */
export function nextDescriptor(): number {
  const descriptor = openSync("/dev/null", "r");
  closeSync(descriptor);
  return descriptor;
}

function listen(
  app: TemplatedApp,
  { host, port, socketPath = "" }: AnyListener,
  options: number,
): us_listen_socket | false {
  if (HAS_ADMIN && socketPath !== "") return listenOnPath(app, socketPath);
  let opened: us_listen_socket | false = false;
  (app.listen as unknown as ListenWithHost).call(app, host, port, options, (socket) => {
    opened = socket;
  });
  return opened;
}

/** "http://127.0.0.1:8080" */
export function addressOf(listener: AnyListener): string {
  if (HAS_ADMIN && listener.socketPath) return `unix:${listener.socketPath}`;
  const host = listener.host.includes(":") ? `[${listener.host}]` : listener.host;
  return `http://${host}:${listener.port}`;
}

/** uWebSockets.js does not say why a listener failed; the same attempt through Node does. */
function askWhy({ host, port, socketPath = "" }: AnyListener): Promise<string> {
  const wanted = HAS_ADMIN && socketPath !== "" ? { path: socketPath } : { host, port, exclusive: true };
  return new Promise((resolve) => {
    // Loaded for this alone: at the start it would take 4 ms.
    const probe = process.getBuiltinModule("node:net").createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
    probe.listen(wanted, () => {
      probe.close();
      resolve("refused by the system");
    });
  });
}
