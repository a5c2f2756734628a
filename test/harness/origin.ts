/**
 * A scriptable origin on raw TCP. It reads requests strictly, keeps the exact bytes of each, and answers with whatever
 * bytes the test says. What it could not read as a request is a problem, and a problem fails the test file.
 */
import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { atEnd } from "./at-end.ts";
import { type Message, type Request, readRequestBody, readRequestHead } from "./message.ts";
import { Reader } from "./reader.ts";

export class OriginConnection {
  readonly socket: Socket;
  readonly reader: Reader;
  /** Counted from 0. */
  readonly number: number;
  readonly requests: Request[] = [];
  /** When the other side has closed. */
  readonly closed: Promise<void>;

  constructor(socket: Socket, number: number) {
    this.socket = socket;
    this.number = number;
    this.reader = new Reader(socket, 120_000);
    this.closed = new Promise((resolve) => {
      socket.on("end", resolve);
      socket.on("close", resolve);
    });
  }

  /** Resolves when the kernel or Node has taken the bytes and wants more. */
  async send(bytes: string | Uint8Array): Promise<void> {
    const data = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    if (this.socket.destroyed || this.socket.write(data)) return;
    let taken = (): void => {};
    const drained = new Promise<void>((resolve) => {
      taken = resolve;
    });
    this.socket.once("drain", taken);
    await Promise.race([drained, this.closed]);
    this.socket.off("drain", taken);
  }

  end(): void {
    this.socket.end();
  }

  /** Closes with RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }
}

/** Answers one request, whose body has been read. */
export type Handler = (request: Request, connection: OriginConnection) => unknown;
/** Called as soon as a head is there; the body is read when the promise resolves. */
export type HeadHandler = (head: Omit<Request, "body" | "raw">, connection: OriginConnection) => unknown;

export class Origin {
  readonly port: number;
  readonly connections: OriginConnection[] = [];
  /** Every request of every connection, in the order they were complete. */
  requests: Request[] = [];
  readonly problems: string[] = [];
  handler: Handler = (_, connection) => connection.send(ok("ok"));
  onHead: HeadHandler = () => {};
  private readonly server: Server;

  constructor(port: number) {
    this.port = port;
    this.server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => void this.serve(socket));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(this.port, "127.0.0.1", () => {
        this.server.off("error", reject);
        resolve();
      });
    });
  }

  /** Stops listening and closes everything. */
  async close(): Promise<void> {
    await this.drop();
    if (this.server.listening) await new Promise((resolve) => this.server.close(resolve));
  }

  /** The end of a killed process: the port closed, which it has had for longest, and every connection reset. */
  async kill(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const connection of this.connections) if (!connection.socket.destroyed) connection.reset();
    await closed;
  }

  /** Closes all connections and waits until the other side has, too, so that it reuses none of them. */
  async drop(): Promise<void> {
    const live = this.connections.filter((connection) => !connection.socket.destroyed);
    for (const { socket } of live) {
      // A test may have left it paused, and would never see the other side's end.
      socket.resume();
      socket.end();
    }
    await Promise.all(live.map(({ closed }) => closed));
    for (const { socket } of live) socket.destroy();
  }

  /** For a test of its own: sets the handler and forgets earlier requests. */
  script(handler: Handler, onHead: HeadHandler = () => {}): void {
    this.handler = handler;
    this.onHead = onHead;
    this.requests = [];
  }

  get openConnections(): number {
    return this.connections.filter(({ socket }) => !socket.destroyed && !socket.readableEnded).length;
  }

  private async serve(socket: Socket): Promise<void> {
    const connection = new OriginConnection(socket, this.connections.length);
    this.connections.push(connection);
    const { reader } = connection;
    try {
      for (;;) {
        reader.taken = [];
        const head = await readRequestHead(reader);
        if (head === undefined) break;
        await this.onHead(head, connection);
        const body = await readRequestBody(reader, head);
        const request = { ...head, body, raw: Buffer.concat(reader.taken) };
        connection.requests.push(request);
        this.requests.push(request);
        await this.handler(request, connection);
      }
    } catch (error) {
      this.problems.push((error as Error).message);
    }
    socket.end();
  }
}

/**
 * Starts an origin for this file or test and ends it with it.
 * @param tolerates problems that a test brings about, such as requests that are cut off
 */
export async function origin(port: number, tolerates = /^the connection ended/): Promise<Origin> {
  const started = new Origin(port);
  await started.listen();
  atEnd(async () => {
    await started.close();
    assert.deepEqual(
      started.problems.filter((problem) => !tolerates.test(problem)),
      [],
    );
  });
  return started;
}

/** A plain 200 with these bytes. */
export function ok(body: string | Uint8Array, ...fields: string[]): Buffer {
  const bytes = Buffer.from(body as string, "latin1");
  const lines = ["HTTP/1.1 200 OK", `Content-Length: ${bytes.length}`, ...fields, "", ""];
  return Buffer.concat([Buffer.from(lines.join("\r\n"), "latin1"), bytes]);
}

/** The field lines of a request as text, for comparisons. */
export function linesOf(message: Pick<Message, "head">): string[] {
  return message.head.slice(0, -4).split("\r\n");
}
