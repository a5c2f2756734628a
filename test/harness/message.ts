/** Strict reading of HTTP/1.1 messages for tests: whatever RFC 9112 does not allow throws, nothing is repaired. */
import { Ended, type Reader } from "./reader.ts";

export interface Message {
  /** Status or request line. */
  readonly line: string;
  /** As sent, in order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  /** The head's exact bytes, as Latin-1. */
  readonly head: string;
}

/** A field's only value, undefined if it is missing; throws if it is repeated. */
export function fieldOf(message: Pick<Message, "fields">, name: string): string | undefined {
  const values = message.fields.filter(([key]) => key.toLowerCase() === name.toLowerCase());
  if (values.length > 1) throw new Error(`${name} comes ${values.length} times`);
  return values[0]?.[1];
}

export async function readHead(reader: Reader): Promise<Omit<Message, "body">> {
  const head = (await reader.takeUntil("\r\n\r\n")).toString("latin1");
  const [line, ...rest] = head.slice(0, -4).split("\r\n");
  const fields = rest.map((text): [string, string] => {
    const parts = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/.exec(text);
    if (parts === null) throw new Error(`malformed field line ${JSON.stringify(text)}`);
    return [parts[1]!, parts[2]!];
  });
  return { line: line!, fields, head };
}

/** How the body of this head is framed: bytes, "chunked", or undefined where neither field says. */
export function framingOf(head: Omit<Message, "body">): number | "chunked" | undefined {
  const length = fieldOf(head, "content-length");
  const coding = fieldOf(head, "transfer-encoding");
  if (length !== undefined && coding !== undefined) throw new Error("Content-Length and Transfer-Encoding");
  if (coding !== undefined) {
    if (coding !== "chunked") throw new Error(`Transfer-Encoding: ${coding}`);
    return "chunked";
  }
  if (length === undefined) return undefined;
  if (!/^\d+$/.test(length)) throw new Error(`Content-Length: ${length}`);
  return Number(length);
}

/** A chunked body without extensions or trailers, which hardwire never sends. */
export async function readChunks(reader: Reader): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (;;) {
    const line = (await reader.takeUntil("\r\n")).toString("latin1");
    if (!/^[0-9a-fA-F]+\r\n$/.test(line)) throw new Error(`malformed chunk size ${JSON.stringify(line)}`);
    const bytes = Number.parseInt(line, 16);
    if (bytes > 0) parts.push(await reader.take(bytes));
    const end = (await reader.take(2)).toString("latin1");
    if (end !== "\r\n") throw new Error(`malformed end of a chunk ${JSON.stringify(end)}`);
    if (bytes === 0) return Buffer.concat(parts);
  }
}

export interface Answer extends Message {
  readonly status: number;
}

/** One answer. @param method of the request, since an answer to HEAD has no body */
export async function readAnswer(reader: Reader, method = "GET"): Promise<Answer> {
  const head = await readHead(reader);
  const parts = /^HTTP\/1\.1 (\d{3}) [\x20-\x7e]*$/.exec(head.line);
  if (parts === null) throw new Error(`malformed status line ${JSON.stringify(head.line)}`);
  const status = Number(parts[1]);
  const framing = framingOf(head);
  let body: Buffer = Buffer.alloc(0);
  if (status < 200 || status === 204) {
    if (framing !== undefined) throw new Error(`framing in a ${status}: ${head.head}`);
  } else if (method !== "HEAD" && status !== 304) {
    if (framing === "chunked") body = await readChunks(reader);
    else if (framing !== undefined) body = await reader.take(framing);
    else throw new Error(`an answer that only ends with the connection: ${head.head}`);
  }
  return { ...head, status, body };
}

export interface Request extends Message {
  readonly method: string;
  readonly target: string;
  /** The whole request's exact bytes, framing included. */
  readonly raw: Buffer;
}

/** The head of one request, or undefined when the peer closed between requests. */
export async function readRequestHead(reader: Reader): Promise<Omit<Request, "body" | "raw"> | undefined> {
  let head: Omit<Message, "body">;
  try {
    head = await readHead(reader);
  } catch (error) {
    if (error instanceof Ended && error.rest.length === 0) return undefined;
    throw error;
  }
  const parts = /^([A-Z]+) (\/[\x21-\x7e]*) HTTP\/1\.1$/.exec(head.line);
  if (parts === null) throw new Error(`malformed request line ${JSON.stringify(head.line)}`);
  if (fieldOf(head, "host") === undefined) throw new Error(`no Host: ${head.head}`);
  return { ...head, method: parts[1]!, target: parts[2]! };
}

export async function readRequestBody(reader: Reader, head: Omit<Message, "body">): Promise<Buffer> {
  const framing = framingOf(head);
  return framing === "chunked" ? await readChunks(reader) : await reader.take(framing ?? 0);
}
