/** A raw HTTP client: sends exactly the bytes it is given and reads answers strictly. */
import { connect, type Socket } from "node:net";
import { type Answer, readAnswer } from "./message.ts";
import { Reader } from "./reader.ts";

const open = new Set<Socket>();
let registered = false;

export class Client {
  readonly socket: Socket;
  readonly reader: Reader;

  /** Connects; the connection is closed at the end of the file at the latest. */
  static async open(port: number, { waitMs }: { waitMs?: number } = {}): Promise<Client> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true, allowHalfOpen: true });
    const client = new Client(socket, waitMs);
    if (!registered) process.on("exit", closeAll);
    registered = true;
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return client;
  }

  private constructor(socket: Socket, waitMs: number | undefined) {
    this.socket = socket;
    this.reader = new Reader(socket, waitMs);
  }

  /** Text goes out as Latin-1. */
  send(bytes: string | Uint8Array): this {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    return this;
  }

  answer(method?: string): Promise<Answer> {
    return readAnswer(this.reader, method);
  }

  /** Waits for the end of the connection. */
  async ended(): Promise<{ rest: Buffer; code: string }> {
    return await this.reader.takeAll();
  }

  close(): void {
    this.socket.destroy();
  }

  /** Closes with RST instead of FIN. */
  reset(): void {
    this.socket.resetAndDestroy();
  }
}

function closeAll(): void {
  for (const socket of open) socket.destroy();
}

/** One request on a connection of its own. */
export async function ask(port: number, request: string | Uint8Array): Promise<Answer> {
  const client = await Client.open(port);
  try {
    const method = Buffer.from(request.slice(0, 8)).toString().split(" ")[0];
    return await client.send(request).answer(method);
  } finally {
    client.close();
  }
}

/** "GET /path HTTP/1.1" with a Host and these field lines, no body. */
export function get(path: string, ...fields: string[]): string {
  return head(`GET ${path}`, ...fields);
}

/** A request head; `start` is method and target. */
export function head(start: string, ...fields: string[]): string {
  return [`${start} HTTP/1.1`, "Host: localhost", ...fields, "", ""].join("\r\n");
}
