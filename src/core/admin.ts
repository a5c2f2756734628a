/**
 * Admin listeners: pages of features, such as metrics, for this machine or whom the target lets reach them. They share
 * the event loop with the gateway and nothing else: own connections, few of them, no routes.
 */

import type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket } from "uWebSockets.js";
import { lstatSync, unlinkSync } from "node:fs";
import { ADMIN_CONNECTIONS_MAX } from "#generated/constants.ts";
import type { Listener } from "#generated/tables.ts";
import type { Uws } from "./addon.ts";

export interface AdminListener extends Listener {
  /** Path of a unix socket, else "". */
  readonly socketPath: string;
  readonly pages: readonly Page[];
}

export interface Page {
  readonly path: string;
  readonly answer: (request: AdminRequest) => AdminAnswer;
}

export interface AdminRequest {
  /** The Accept field, "" if there is none. */
  readonly accept: string;
  /** Without the question mark. */
  readonly query: string;
}

export interface AdminAnswer {
  /** "200 OK" */
  readonly status: string;
  readonly contentType: string;
  /** Bytes are copied before the call that answers returns. */
  readonly body: string | Uint8Array;
}

/** An app with the listener's pages; GET and HEAD only. */
export function adminApp(addon: Uws, { pages }: AdminListener): TemplatedApp {
  const app = addon.App();
  app.filter(new Door().count);
  for (const { path, answer } of pages) {
    app.get(path, (res, req) => send(res, answer(requestOf(req)), false));
    app.head(path, (res, req) => send(res, answer(requestOf(req)), true));
    app.any(path, refuseMethod);
  }
  const body = `no such page; there are: ${pages.map(({ path }) => path).join(", ")}\n`;
  app.any("/*", (res) => send(res, { status: "404 Not Found", contentType: "text/plain", body }, false));
  return app;
}

/** Counts connections, and closes those for which there is no room. */
class Door {
  private open = 0;
  readonly count = (res: HttpResponse, change: unknown): void => {
    this.open += Number(change);
    if (this.open > ADMIN_CONNECTIONS_MAX) res.close();
  };
}

function refuseMethod(res: HttpResponse): void {
  res.cork(() => {
    res.writeStatus("405 Method Not Allowed").writeHeader("allow", "GET, HEAD").end(undefined, true);
  });
}

/**
 * A unix socket's file that an earlier process has left is removed: the process is alone, as its listeners show. Any
 * other file stays, which uSockets would remove, too.
 */
export function listenOnPath(app: TemplatedApp, path: string): us_listen_socket | false {
  try {
    if (!lstatSync(path).isSocket()) return false;
    unlinkSync(path);
  } catch {
    // It was not there, or listening tells why it cannot be.
  }
  let opened: us_listen_socket | false = false;
  app.listen_unix((socket) => {
    opened = socket;
  }, path);
  return opened;
}

function requestOf(req: HttpRequest): AdminRequest {
  return { accept: req.getHeader("accept"), query: (req.getQuery() as string | undefined) ?? "" };
}

function send(res: HttpResponse, { status, contentType, body }: AdminAnswer, isHead: boolean): void {
  res.cork(() => {
    res.writeStatus(status).writeHeader("content-type", contentType).writeHeader("cache-control", "no-store");
    if (isHead) res.endWithoutBody(Buffer.byteLength(body));
    else res.end(body);
  });
}
