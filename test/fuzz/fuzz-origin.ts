/**
 * The origin behind the gateway under fuzz. It reads requests strictly, holds every one against what the clients have
 * really sent, and answers with clean, odd, mutated, cut and reset answers, seeded by the request they belong to.
 */
import { createServer, type Server, type Socket } from "node:net";
import { END, type MadeAnswer, makeAnswer, RESET, WHOLE } from "./make-answer.ts";
import { Random } from "./random.ts";
import type { Report } from "./report.ts";
import { type Message, type Sent, SentAnswer } from "./sent.ts";

/** Finds the connections of the lane with this address, the latest first; undefined for an address of no lane. */
export type FindSent = (address: string) => readonly Sent[] | undefined;

const DROPPED = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "forwarded",
  "proxy-authorization",
]);
/** Sent once each by the gateway itself. */
const OWN = ["host", "x-forwarded-for", "x-real-ip", "x-forwarded-host", "x-forwarded-proto"] as const;
const FIELD =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)$/;
const CANARY = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ncanary");

interface Found {
  readonly sent: Sent;
  readonly message: Message;
  readonly index: number;
}

class OriginSocket {
  private readonly socket: Socket;
  private readonly origin: FuzzOrigin;
  private bytes: Buffer = Buffer.alloc(0);
  private head = "";
  private found: Found | undefined;
  private isCanary = false;
  private answered = false;
  /** Bytes of the body or of the chunk that are missing; -1 while a size line is. */
  private left = 0;
  private chunked = false;
  private body: Buffer[] = [];
  private dead = false;
  /** Answers leave in order. */
  private tail: Promise<void> = Promise.resolve();

  constructor(socket: Socket, origin: FuzzOrigin) {
    this.socket = socket;
    this.origin = origin;
    socket.on("data", (bytes) => this.take(bytes));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.dead = true;
    });
  }

  private take(bytes: Buffer): void {
    this.bytes = this.bytes.length === 0 ? bytes : Buffer.concat([this.bytes, bytes]);
    while (!this.dead && (this.head === "" ? this.readHead() : this.readBody())) {}
  }

  private readHead(): boolean {
    const end = this.bytes.indexOf("\r\n\r\n");
    if (end === -1) return false;
    this.head = this.bytes.latin1Slice(0, end + 4);
    this.bytes = this.bytes.subarray(end + 4);
    this.body = [];
    this.found = undefined;
    this.answered = false;
    const problem = this.readFields();
    if (problem !== "") {
      this.refuse(problem);
      return false;
    }
    return true;
  }

  private readFields(): string {
    const [line, ...rest] = this.head.slice(0, -4).split("\r\n");
    const parts = /^([A-Z-]+) (\/[\x21-\x7e]*) HTTP\/1\.1$/.exec(line!);
    if (parts === null) return "malformed request line";
    const fields = new Map<string, string>();
    for (const text of rest) {
      const field = FIELD.exec(text);
      if (field === null) return `malformed field line ${JSON.stringify(text)}`;
      const name = field[1]!.toLowerCase();
      if (DROPPED.has(name)) return `${name} was forwarded`;
      const isSingle =
        (OWN as readonly string[]).includes(name) || name === "content-length" || name === "transfer-encoding";
      if (isSingle && fields.has(name)) return `${name} twice`;
      fields.set(name, field[2]!);
    }
    for (const name of OWN) if (!fields.has(name)) return `no ${name}`;
    if (fields.get("x-forwarded-for") !== fields.get("x-real-ip")) return "x-forwarded-for and x-real-ip differ";
    if (fields.get("x-forwarded-host") !== fields.get("host")) return "x-forwarded-host and host differ";
    const problem = this.readFraming(fields) || this.find(parts[1]!, parts[2]!, fields.get("x-forwarded-for")!);
    if (problem !== "" || this.found === undefined) return problem;
    const named = this.found.message.named.find((name) => name !== "" && fields.has(name));
    return named === undefined ? "" : `${named} although Connection names it`;
  }

  private readFraming(fields: ReadonlyMap<string, string>): string {
    const length = fields.get("content-length");
    const coding = fields.get("transfer-encoding");
    if (length !== undefined && coding !== undefined) return "Content-Length and Transfer-Encoding";
    if (coding !== undefined && coding !== "chunked") return `Transfer-Encoding: ${coding}`;
    if (length !== undefined && !/^(?:0|[1-9]\d*)$/.test(length)) return `Content-Length: ${length}`;
    this.chunked = coding !== undefined;
    this.left = this.chunked ? -1 : Number(length ?? 0);
    return "";
  }

  /** The request that a client has sent and that this one is. */
  private find(method: string, target: string, address: string): string {
    const lane = this.origin.findSent(address);
    this.isCanary = lane === undefined && target === "/canary";
    if (this.isCanary) return "";
    for (const sent of lane ?? []) {
      const index = sent.read().findIndex((message) => message.method === method && message.target === target);
      if (index === -1) continue;
      this.found = { sent, message: sent.read()[index]!, index };
      // Some origins answer before they have read the body.
      if (this.left !== 0 && this.random().chance(0.05)) this.answer();
      return "";
    }
    return `a request that ${address} did not send`;
  }

  private random(): Random {
    const { sent, message, index } = this.found!;
    return new Random(this.origin.report.seed, 2, sent.firstRequest, index, message.answers.length);
  }

  private readBody(): boolean {
    if (this.chunked) return this.readChunk();
    const bytes = Math.min(this.left, this.bytes.length);
    this.takeBody(bytes);
    if (this.left > 0) return false;
    this.complete();
    return true;
  }

  private takeBody(bytes: number): void {
    if (bytes === 0) return;
    this.body.push(this.bytes.subarray(0, bytes));
    this.bytes = this.bytes.subarray(bytes);
    this.left -= bytes;
  }

  private readChunk(): boolean {
    if (this.left > 0) {
      this.takeBody(Math.min(this.left, this.bytes.length));
      return this.left === 0;
    }
    const end = this.bytes.indexOf("\r\n");
    if (end === -1) return false;
    const line = this.bytes.latin1Slice(0, end);
    if (this.left === 0) {
      if (line !== "") return this.refuse(`malformed end of a chunk ${JSON.stringify(line)}`);
      this.bytes = this.bytes.subarray(2);
      this.left = -1;
      return true;
    }
    if (!/^[0-9a-f]{1,8}$/.test(line)) return this.refuse(`malformed chunk size ${JSON.stringify(line)}`);
    if (line !== "0") {
      this.bytes = this.bytes.subarray(end + 2);
      this.left = Number.parseInt(line, 16);
      return true;
    }
    if (this.bytes.length < end + 4) return false;
    if (this.bytes.latin1Slice(end, end + 4) !== "\r\n\r\n") return this.refuse("malformed end of chunks");
    this.bytes = this.bytes.subarray(end + 4);
    this.complete();
    return true;
  }

  private refuse(problem: string): boolean {
    const lane = /x-real-ip: ([\d.]+)/.exec(this.head)?.[1] ?? "";
    const sent = this.origin.findSent(lane)?.map(({ raw }) => raw) ?? [];
    this.origin.report.violation(`the origin got ${problem}`, {
      head: this.head,
      rest: this.bytes,
      ...Object.fromEntries(sent.entries()),
    });
    this.socket.destroy();
    this.dead = true;
    return false;
  }

  private complete(): void {
    this.origin.report.count("origin: requests");
    if (this.isCanary) this.socket.write(CANARY);
    else this.check();
    this.head = "";
  }

  private check(): void {
    const { report } = this.origin;
    const { sent, index } = this.found!;
    const message = sent.read()[index]!;
    message.arrivals += 1;
    const body = Buffer.concat(this.body);
    const replayable = body.length === 0 && /^(?:GET|HEAD|PUT|DELETE|OPTIONS)$/.test(message.method);
    const all = { head: this.head, body, sent: sent.raw };
    if (message.arrivals > (replayable ? 2 : 1)) report.violation(`request sent ${message.arrivals} times`, all);
    if (message.error !== "") report.count(`origin: let through by uWebSockets.js, llhttp says ${message.error}`);
    else if (!message.complete) {
      if (message.chunked) report.count("origin: let through by uWebSockets.js, chunks not complete");
      else report.violation("a part of a body arrived as a whole", all);
    } else if (!body.equals(message.body)) {
      if (message.chunked) report.count("origin: chunks read otherwise by uWebSockets.js");
      else report.violation("another body arrived", all);
    }
    if (!this.answered) this.answer();
  }

  private answer(): void {
    this.answered = true;
    const { sent, message, index } = this.found!;
    const random = this.random();
    const isHead = message.method === "HEAD";
    const identity = `${sent.lane}.${sent.number}.${index}`;
    let answer = new SentAnswer(makeAnswer(random, identity, isHead), isHead, this.left !== 0);
    // On a shared connection what follows an answer is the next one's, for every reader.
    while (message.target.startsWith("/deep/") && !mayBeSplit(answer, isHead)) {
      answer = new SentAnswer(makeAnswer(random, identity, isHead), isHead, this.left !== 0);
    }
    const { made } = answer;
    message.answers.push(answer);
    const kind = made.fuzzed ? "fuzzed" : "clean";
    this.origin.report.count(`origin: ${kind} answers`);
    const pieces = random.chance(0.2) && mayBeSplit(answer, isHead) ? split(random, made.bytes) : [made.bytes];
    this.tail = this.tail.then(() => this.send(made, pieces));
  }

  private async send(made: MadeAnswer, pieces: readonly Buffer[]): Promise<void> {
    if (made.waitMs > 0) await new Promise((resolve) => setTimeout(resolve, made.waitMs));
    for (const [i, piece] of pieces.entries()) {
      if (i > 0) await new Promise(setImmediate);
      if (this.dead) return;
      this.socket.write(piece);
    }
    if (made.ending === WHOLE) return;
    this.dead = true;
    if (made.ending === RESET) this.socket.resetAndDestroy();
    else if (made.ending === END) this.socket.end();
  }
}

/**
 * Bytes behind an answer that come late are the next answer on that connection, for every reader of HTTP/1.1: no
 * gateway can tell. So such answers leave in one piece.
 */
function mayBeSplit(answer: SentAnswer, isHead: boolean): boolean {
  const { made, read } = answer;
  if (!made.fuzzed || !read.complete) return true;
  const shorter = { ...made, bytes: made.bytes.subarray(0, -1), ending: WHOLE };
  return !new SentAnswer(shorter, isHead, false).read.complete;
}

export function split(random: Random, bytes: Buffer): Buffer[] {
  const cuts = Array.from({ length: 1 + random.below(4) }, () => random.below(bytes.length + 1)).sort((a, b) => a - b);
  const pieces = [0, ...cuts].map((start, i) => bytes.subarray(start, cuts[i] ?? bytes.length));
  return pieces.filter((piece) => piece.length > 0);
}

export class FuzzOrigin {
  readonly report: Report;
  readonly findSent: FindSent;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor(report: Report, findSent: FindSent) {
    this.report = report;
    this.findSent = findSent;
    this.server = createServer({ noDelay: true }, (socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
      new OriginSocket(socket, this);
    });
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(port, "127.0.0.1", 4096, resolve);
    });
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}
