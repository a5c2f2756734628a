/**
 * Clients that count what goes wrong: each request that was sent has to be answered 200 and whole, on a connection that
 * was there when it was asked for. A connection that the server ends in between two requests is no failure.
 */
import { connect, type Socket } from "node:net";

export interface LoadResult {
  readonly requests: number;
  /** What the client saw, and how often. */
  readonly failures: Readonly<Record<string, number>>;
  /** Connections that were opened. */
  readonly connections: number;
  /** Longest time a request took, in ms. */
  readonly slowestMs: number;
}

interface Options {
  readonly port: number;
  /** Clients that keep their connection as long as they may. */
  readonly keepAlive: number;
  /** Clients with a connection for each request. */
  readonly single: number;
  /** Pause of each client between two requests. */
  readonly pauseMs: number;
}

const ANSWER_MS = 10_000;

export class Load {
  readonly #options: Options;
  readonly #clients: Promise<void>[] = [];
  readonly #failures: Record<string, number> = {};
  #running = true;
  #requests = 0;
  #connections = 0;
  #slowestMs = 0;

  constructor(options: Options) {
    this.#options = options;
    for (let i = 0; i < options.keepAlive; i++) this.#clients.push(this.#client(true));
    for (let i = 0; i < options.single; i++) this.#clients.push(this.#client(false));
  }

  get requests(): number {
    return this.#requests;
  }

  async stop(): Promise<LoadResult> {
    this.#running = false;
    await Promise.all(this.#clients);
    return {
      requests: this.#requests,
      failures: this.#failures,
      connections: this.#connections,
      slowestMs: Math.round(this.#slowestMs),
    };
  }

  async #client(keepsAlive: boolean): Promise<void> {
    let socket: Socket | undefined;
    const kind = keepsAlive ? "keep-alive" : "single";
    while (this.#running) {
      const begun = performance.now();
      try {
        if (socket === undefined || !isOpen(socket)) {
          socket = await this.#open();
        }
        const closes = await ask(socket, keepsAlive);
        if (closes) {
          socket.destroy();
          socket = undefined;
        }
      } catch (error) {
        const what = `${kind}: ${(error as Error).message}`;
        this.#failures[what] = (this.#failures[what] ?? 0) + 1;
        socket?.destroy();
        socket = undefined;
      }
      this.#requests += 1;
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - begun);
      await new Promise((resolve) => setTimeout(resolve, this.#options.pauseMs));
    }
    socket?.destroy();
  }

  #open(): Promise<Socket> {
    this.#connections += 1;
    const socket = connect({ host: "127.0.0.1", port: this.#options.port, noDelay: true });
    return new Promise((resolve, reject) => {
      socket.once("connect", () => {
        socket.removeAllListeners("error");
        socket.on("error", () => {});
        resolve(socket);
      });
      socket.once("error", (error: NodeJS.ErrnoException) => reject(new Error(`connect ${error.code}`)));
    });
  }
}

function isOpen(socket: Socket): boolean {
  return !socket.destroyed && !socket.readableEnded;
}

/** @returns whether the connection is over */
function ask(socket: Socket, keepsAlive: boolean): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let text = "";
    const late = setTimeout(() => end(new Error("no answer in time")), ANSWER_MS);
    const end = (result: Error | boolean): void => {
      clearTimeout(late);
      socket.removeAllListeners("data").removeAllListeners("close").removeAllListeners("error");
      socket.on("error", () => {});
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
      const headEnd = text.indexOf("\r\n\r\n");
      if (headEnd === -1) return;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN);
      if (text.length < headEnd + 4 + length) return;
      const status = text.slice(9, 12);
      if (status === "200") end(!keepsAlive || /\r\nconnection: close/i.test(text.slice(0, headEnd)));
      else end(new Error(`status ${status}`));
    });
    const stage = () => (text === "" ? "before the answer" : "in the answer");
    socket.on("error", (error: NodeJS.ErrnoException) => end(new Error(`${error.code} ${stage()}`)));
    socket.on("close", () => end(new Error(`closed ${stage()}`)));
    socket.write(`GET /x HTTP/1.1\r\nHost: gw\r\n${keepsAlive ? "" : "Connection: close\r\n"}\r\n`);
  });
}
