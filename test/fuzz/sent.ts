/**
 * What one client connection has sent, read by the reference: where llhttp sees a request begin, and only there, may
 * the gateway see one. Requests that llhttp refuses are kept too, with its error: uWebSockets.js lets some through, and
 * they count as one request that starts there, behind which nothing is known to be a request.
 */
import { normalisePath } from "../../src/core/target.ts";
import { type Read, readAnswer, readChunks, readRequestHead } from "../property/llhttp.ts";
import { END, type MadeAnswer } from "./make-answer.ts";
import { CLEAN } from "./make-request.ts";

export class Message {
  readonly start: number;
  method = "";
  /** Normalised as the gateway does it; "" if it has to refuse it. */
  target = "";
  /** llhttp's error in the head or in the chunks, "" for none. */
  error = "";
  chunked = false;
  /** What Connection names: must not go further. */
  named: readonly string[] = [];
  /** As far as llhttp reads it. */
  body: Buffer = Buffer.alloc(0);
  complete = false;
  /** What origins were about to answer; more than one after a replay. */
  readonly answers: SentAnswer[] = [];
  /** Complete arrivals at origins. */
  arrivals = 0;

  constructor(start: number) {
    this.start = start;
  }
}

/** An origin's bytes, and on demand the reference's reading of them. */
export class SentAnswer {
  readonly made: MadeAnswer;
  /** Given to the head, before the body had come. */
  readonly isEarly: boolean;
  private readonly isHead: boolean;
  private cached: Read | undefined;

  constructor(made: MadeAnswer, isHead: boolean, isEarly: boolean) {
    this.made = made;
    this.isEarly = isEarly;
    this.isHead = isHead;
  }

  get read(): Read {
    this.cached ??= readAnswer([this.made.bytes], this.isHead, this.made.ending === END);
    return this.cached;
  }

  /** As it reads where the connection ended in good order right behind it, whatever was meant. */
  get readEnded(): Read {
    return readAnswer([this.made.bytes], this.isHead, true);
  }
}

export class Sent {
  readonly lane: number;
  /** Of the lane's connections, from 0. */
  readonly number: number;
  /** Number of the first request on this connection; seeds its answers. */
  readonly firstRequest: number;
  readonly openedMs = performance.now();
  private readonly kinds: number[] = [];
  private bytes: Buffer = Buffer.alloc(0);
  private readonly messages: Message[] = [];
  private parsedTo = 0;
  private stopped = false;

  constructor(lane: number, number: number, firstRequest: number) {
    this.lane = lane;
    this.number = number;
    this.firstRequest = firstRequest;
  }

  get raw(): Buffer {
    return this.bytes;
  }

  plan(kind: number): void {
    this.kinds.push(kind);
  }

  add(bytes: Buffer): void {
    this.bytes = this.bytes.length === 0 ? bytes : Buffer.concat([this.bytes, bytes]);
  }

  /** Whether the message and all before it were sent as they were made, clean. */
  isClean(index: number): boolean {
    for (let i = 0; i <= index; i++) if (this.kinds[i] !== CLEAN) return false;
    return true;
  }

  /** Every request that the bytes so far begin. */
  read(): readonly Message[] {
    while (!this.stopped && this.parsedTo < this.bytes.length) {
      const last = this.messages.at(-1);
      const unfinished = last !== undefined && last.start === this.parsedTo;
      const message = unfinished ? last : new Message(this.parsedTo);
      if (!unfinished) this.messages.push(message);
      const end = this.parse(message);
      if (end === 0) break;
      this.parsedTo = end;
    }
    return this.messages;
  }

  /** Where the next message starts, 0 if that is not known yet or never will be. */
  private parse(message: Message): number {
    const bytes = this.bytes.subarray(message.start);
    // Not even the method is there: llhttp may refuse it at once, see below.
    if (/^(?:\r\n)*[A-Z][A-Z-]{0,31}$/.test(bytes.toString("latin1", 0, 64))) return 0;
    const extension = /^((?:\r\n)*)([A-Z][A-Z-]{0,31}) /.exec(bytes.toString("latin1", 0, 64));
    const head = readRequestHead(bytes);
    const isUnknown = head.error === "HPE_INVALID_METHOD" || extension?.[2] === "PRI";
    if (isUnknown && extension !== null) {
      // llhttp knows a list of methods, and PRI only from HTTP/2; for the gateway any token in capitals is one.
      const named = Buffer.concat([Buffer.from("GET"), bytes.subarray(extension[0].length - 1)]);
      const again = readRequestHead(named);
      return this.take(message, again, again.headBytes - 3 + extension[0].length - 1, extension[2]!);
    }
    return this.take(message, head, head.headBytes, head.heads[0]?.method ?? "");
  }

  private take(message: Message, read: ReturnType<typeof readRequestHead>, headBytes: number, method: string): number {
    const bytes = this.bytes.subarray(message.start);
    if (!read.complete) {
      const line = /^[\r\n]*([^\r\n]*)/.exec(bytes.toString("latin1", 0, 6000))![1]!.split(" ");
      message.method = line[0] ?? "";
      message.target = normaliseTarget(line[1] ?? "");
      message.error = read.error;
      this.stopped = read.error !== "";
      return 0;
    }
    const [head] = read.heads;
    message.method = method;
    message.target = normaliseTarget(head!.url);
    message.error = "";
    const fields = head!.fields.map(([name, value]) => [name.toLowerCase(), value] as const);
    message.named = fields
      .filter(([name]) => name === "connection")
      .flatMap(([, value]) => value.split(",").map((option) => option.trim().toLowerCase()));
    message.chunked = fields.some(([name]) => name === "transfer-encoding");
    if (message.chunked) {
      const chunks = readChunks(bytes.subarray(headBytes));
      message.body = chunks.body;
      message.complete = chunks.complete;
      message.error = chunks.complete ? "" : chunks.error;
      // The gateway serves nothing behind such a request.
      if (chunks.complete || chunks.error !== "") this.stopped = true;
      return 0;
    }
    const length = Number(fields.find(([name]) => name === "content-length")?.[1] ?? 0);
    message.body = bytes.subarray(headBytes, headBytes + length);
    message.complete = message.body.length === length;
    return message.complete ? message.start + headBytes + length : 0;
  }
}

function normaliseTarget(target: string): string {
  const query = target.indexOf("?");
  if (query === -1) return normalisePath(target);
  const path = normalisePath(target.slice(0, query));
  return path === "" ? "" : path + target.slice(query);
}
