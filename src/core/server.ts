/**
 * The client's side: uWebSockets.js, its listeners and its connections.
 *
 * How long things live:
 * - `req` is dead when the request handler returns.
 * - `res` is dead after `end`, `endWithoutBody`, a `tryEnd` that reports it is done, `close`, and inside `onAborted`;
 *   touching it then throws. The proxy sets its reference to null at each of these.
 * - A handler must answer or register `onAborted` before it returns, or the process is terminated.
 * - A path that no handler matches closes the socket silently, hence the one catch-all.
 */

import type { HttpResponse, TemplatedApp, us_listen_socket } from "uWebSockets.js";
import {
  CONNECTIONS_MAX,
  HAS_ADMIN,
  HAS_LISTENERS,
  HAS_UPDATE,
  HAS_WATCHDOG,
  STARTS_FEATURES,
} from "#generated/constants.ts";
import { adminListeners } from "#generated/program.ts";
import { type Listener, listeners } from "#generated/tables.ts";
import type { Uws } from "./addon.ts";
import { adminApp, listenOnPath } from "./admin.ts";
import { openConnections, trackConnection } from "./peer.ts";
import { handle } from "./proxy.ts";
import { answerSelf } from "./self-request.ts";

/** LIBUS_LISTEN_EXCLUSIVE_PORT: without it two processes would share the port silently (SO_REUSEPORT). */
const EXCLUSIVE_PORT = 1;
/** LIBUS_LISTEN_DEFAULT: processes of one user may have it open together; the kernel shares connections among them. */
const SHARED_PORT = 0;

/** Whether clients can connect: for features, which have no other way to know. */
export let isListening = false;

export interface Server {
  /** No new connections from clients from now on; admin listeners go on, since they tell how the drain goes. */
  stopListening(): void;
  stopAdmin(): void;
  /** Undoes both. @throws ListenError */
  listenAgain(): Promise<void>;
  /** Closes every connection at once. */
  closeAll(): void;
}

/** Admin listeners may have a path instead of an address. */
type AnyListener = Listener & { readonly socketPath?: string };

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

/**
 * Opens all listeners, or none.
 * @param beside another process of this program has them open, and shares them
 */
export async function startServer(addon: Uws, beside: boolean): Promise<Server> {
  const apps: TemplatedApp[] = [];
  const sockets: us_listen_socket[] = [];
  const adminSockets: us_listen_socket[] = [];
  const openers: (() => Promise<void>)[] = [];
  const open = async (app: TemplatedApp, listener: AnyListener, into: us_listen_socket[]): Promise<void> => {
    const reopen = async (): Promise<void> => {
      const socket = listen(app, listener, HAS_UPDATE ? SHARED_PORT : EXCLUSIVE_PORT);
      if (socket === false) throw new ListenError(listener, await askWhy(listener));
      into.push(socket);
    };
    // Only who is alone may share.
    if (HAS_UPDATE && !beside) {
      const probe = listen(app, listener, EXCLUSIVE_PORT);
      if (probe === false) throw new ListenError(listener, await askWhy(listener));
      addon.us_listen_socket_close(probe);
    }
    await reopen();
    if (HAS_UPDATE) openers.push(reopen);
  };
  try {
    for (const [number, listener] of listeners.entries()) {
      // A request does not say which listener of an app it came by.
      if (HAS_LISTENERS || number === 0) apps.push(makeApp(addon, number));
      await open(apps.at(-1)!, listener, sockets);
    }
    if (HAS_ADMIN) {
      for (const listener of adminListeners) {
        apps.push(adminApp(addon, listener));
        await open(apps.at(-1)!, listener, adminSockets);
      }
    }
  } catch (error) {
    for (const each of apps) each.close();
    throw error;
  }
  if (HAS_ADMIN || STARTS_FEATURES) isListening = true;
  return {
    stopListening: () => {
      closeEach(addon, sockets);
      if (HAS_ADMIN || STARTS_FEATURES) isListening = false;
    },
    stopAdmin: () => closeEach(addon, adminSockets),
    listenAgain: async () => {
      for (const reopen of openers) await reopen();
      if (HAS_ADMIN || STARTS_FEATURES) isListening = true;
    },
    closeAll: () => {
      for (const app of apps) app.close();
    },
  };
}

function closeEach(addon: Uws, sockets: us_listen_socket[]): void {
  for (const socket of sockets) addon.us_listen_socket_close(socket);
  sockets.length = 0;
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

function makeApp(addon: Uws, listener: number): TemplatedApp {
  const app = addon.App();
  app.filter(countConnection);
  if (HAS_WATCHDOG || HAS_UPDATE) answerSelf(app, (res, req) => handle(res, req, listener));
  app.any("/*", HAS_LISTENERS ? (res, req) => handle(res, req, listener) : handle);
  return app;
}

/** Called with +1 and a live `res` when a connection has opened, and with -1 when it has closed. */
function countConnection(res: HttpResponse, change: unknown): void {
  trackConnection(res, Number(change));
  // Closed before a byte of it is read. Comes here again, with -1.
  if (openConnections() > CONNECTIONS_MAX) res.close();
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
