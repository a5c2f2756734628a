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

import type { HttpResponse, TemplatedApp } from "uWebSockets.js";
import {
  CONNECTIONS_MAX,
  HAS_ADMIN,
  HAS_LISTENERS,
  HAS_UPDATE,
  HAS_WATCHDOG,
  STARTS_FEATURES,
} from "#generated/constants.ts";
import { adminListeners } from "#generated/program.ts";
import { listeners } from "#generated/tables.ts";
import type { Uws } from "./addon.ts";
import { adminApp } from "./admin.ts";
import { closedSocket, closeSocket, type ListenSocket, openAlone, openShared } from "./listen.ts";
import { openConnections, trackConnection } from "./peer.ts";
import { handle } from "./proxy.ts";
import { answerSelf } from "./self-request.ts";
import { takeOver } from "./upgrade/inherit.ts";

/** Whether clients can connect: for whom there is no other way to know. */
export let isListening = false;

export interface Server {
  /** No new connections from clients from now on; admin listeners go on, since they tell how the drain goes. */
  stopListening(): void;
  stopAdmin(): void;
  /** Closes every connection at once. */
  closeAll(): void;
  readonly sockets: readonly ListenSocket[];
}

/**
 * Opens all listeners, or none.
 * @param beside another process of this program has them open, and shares them
 * @throws Error with an `exitCode`
 */
export async function startServer(addon: Uws, beside: boolean): Promise<Server> {
  const apps: TemplatedApp[] = [];
  const sockets: ListenSocket[] = [];
  const adminSockets: ListenSocket[] = [];
  for (const [number, listener] of listeners.entries()) {
    // A request does not say which listener of an app it came by.
    if (HAS_LISTENERS || number === 0) apps.push(makeApp(addon, number));
    sockets.push(closedSocket(apps.at(-1)!, listener));
  }
  if (HAS_ADMIN) {
    for (const listener of adminListeners) {
      apps.push(adminApp(addon, listener));
      adminSockets.push(closedSocket(apps.at(-1)!, listener));
    }
  }
  const all = [...sockets, ...adminSockets];
  try {
    if (HAS_UPDATE && beside) await takeOver(all);
    else for (const each of all) await openAlone(addon, each);
  } catch (error) {
    for (const each of apps) each.close();
    throw error;
  }
  if (HAS_ADMIN || STARTS_FEATURES || HAS_WATCHDOG) isListening = true;
  return {
    stopListening: () => {
      for (const each of sockets) closeSocket(addon, each);
      if (HAS_ADMIN || STARTS_FEATURES || HAS_WATCHDOG) isListening = false;
    },
    stopAdmin: () => {
      for (const each of adminSockets) closeSocket(addon, each);
    },
    closeAll: () => {
      for (const app of apps) app.close();
    },
    sockets: all,
  };
}

/** Undoes `stopListening` and `stopAdmin`. @throws ListenError */
export async function listenAgain({ sockets }: Server): Promise<void> {
  for (const each of sockets) await openShared(each);
  if (HAS_ADMIN || STARTS_FEATURES || HAS_WATCHDOG) isListening = true;
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
