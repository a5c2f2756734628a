/**
 * One client of the fuzzer, with an address of its own, so that the origin can tell by X-Forwarded-For who has sent a
 * request. Sends made requests in pieces, in batches, broken off; holds every answer against what the origin said.
 */
import http from "node:_http_common";
import { connect, type Socket } from "node:net";
import { findRule, TAKEN } from "../property/stricter.ts";
import { split } from "./fuzz-origin.ts";
import { CLEAN, MUTATED, makeRequest, ODD } from "./make-request.ts";
import { Random } from "./random.ts";
import type { Report } from "./report.ts";
import { Sent, type SentAnswer } from "./sent.ts";

const { HTTPParser } = http;
/** A clean request must be answered within this time; it is the hang detector. */
const CLEAN_WAIT_MS = 15_000;
/** Others may be incomplete: after this long without a byte the lane goes on. */
const DIRTY_WAIT_MS = 60;
const REQUESTS_PER_CONNECTION_MAX = 20;
/** A request that waits in a queue may arrive at the origin when its client has long gone: connections, and how long. */
const KEPT_CONNECTIONS = 40;
const KEPT_MS = 30_000;
const KIND_NAMES = { [CLEAN]: "clean", [ODD]: "odd", [MUTATED]: "mutated" } as const;

const FIXED_REFUSAL = /HTTP\/1\.1 (?:400|431|505) [^\r\n]*\r\nConnection: close\r\n\r\n<h1>[^\0]*$/;

const REFUSAL_START = /H(?:TTP\/1\.1 (?:400|431|505)[ -~]*|T{0,2}P?\/?1?\.?1? ?)(?:\r\n|$)/;

const OWN = new Set(["date", "content-length", "transfer-encoding", "connection", "via"]);

interface Answer {
  readonly index: number;
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
  readonly body: Buffer[];
}

export class Lane {
  readonly address: string;
  private readonly number: number;
  private readonly port: number;
  private readonly report: Report;
  /** The number of the next request; counts in steps of the lanes. */
  private readonly takeNumber: () => number | undefined;
  readonly recent: Sent[] = [];
  private connections = 0;

  private readonly parser = new HTTPParser();
  private socket: Socket | undefined;
  private sent: Sent | undefined;
  private answers = 0;
  private present: Answer | undefined;
  private closesAfter = false;
  private closed = false;
  private mustAnswer = false;
  private inPieces = false;
  private wake: () => void = () => {};

  constructor(number: number, port: number, report: Report, takeNumber: () => number | undefined) {
    this.number = number;
    this.address = `127.1.${number >> 8}.${number & 255}`;
    this.port = port;
    this.report = report;
    this.takeNumber = takeNumber;
    let pending: string[] = [];
    this.parser[HTTPParser.kOnHeaders] = (fields) => {
      pending.push(...fields);
    };
    this.parser[HTTPParser.kOnHeadersComplete] = (_major, _minor, fields, _method, _url, status) => {
      const flat = [...pending, ...(fields ?? [])];
      pending = [];
      return this.startAnswer(status!, flat);
    };
    this.parser[HTTPParser.kOnBody] = (bytes) => {
      this.present?.body.push(Buffer.from(bytes));
    };
    this.parser[HTTPParser.kOnMessageComplete] = () => this.endAnswer(true);
  }

  async run(): Promise<void> {
    let next = this.takeNumber();
    while (next !== undefined && !this.report.failed) next = await this.useConnection(next);
  }

  /** Sends on one connection as long as it lasts; returns the next request's number. */
  private async useConnection(first: number): Promise<number | undefined> {
    await this.open(first);
    let next: number | undefined = first;
    for (let sent = 0; sent < REQUESTS_PER_CONNECTION_MAX && !this.closed && !this.closesAfter; sent++) {
      if (next === undefined || this.report.failed) break;
      const random = new Random(this.report.seed, 3, next);
      const count = random.chance(0.85) ? 1 : 2 + random.below(3);
      const batch: Buffer[] = [];
      let clean = true;
      for (let i = 0; i < count && next !== undefined; i++) {
        const { bytes, kind } = makeRequest(this.report.seed, next);
        this.report.count(`requests: ${KIND_NAMES[kind as keyof typeof KIND_NAMES]}`);
        this.sent!.plan(kind);
        clean &&= kind === CLEAN;
        batch.push(bytes);
        next = this.takeNumber();
      }
      const goesOn = await this.deliver(random, Buffer.concat(batch), clean && batch.length === 1);
      if (!goesOn) break;
    }
    this.close();
    return next;
  }

  private async open(first: number): Promise<void> {
    const sent = new Sent(this.number, this.connections++, first);
    this.sent = sent;
    this.recent.unshift(sent);
    const keptSince = performance.now() - KEPT_MS;
    while (this.recent.length > KEPT_CONNECTIONS && this.recent.at(-1)!.openedMs < keptSince) this.recent.pop();
    this.answers = 0;
    this.present = undefined;
    this.closesAfter = false;
    this.closed = false;
    this.parser.initialize(HTTPParser.RESPONSE, {}, 1 << 20, HTTPParser.kLenientNone);
    const socket = connect({ host: "127.0.0.1", port: this.port, localAddress: this.address, noDelay: true });
    this.socket = socket;
    socket.on("data", (bytes) => {
      if (this.socket === socket) this.read(bytes);
    });
    const end = (): void => {
      if (this.socket === socket) this.ended();
    };
    socket.on("end", end);
    socket.on("close", end);
    let connected = false;
    await new Promise<void>((resolve) => {
      socket.once("connect", () => {
        connected = true;
        resolve();
      });
      socket.on("error", (error: NodeJS.ErrnoException) => {
        if (!connected) this.report.violation(`connect: ${error.code}`, {});
        resolve();
      });
    });
  }

  /** @returns whether another batch may follow on this connection */
  private async deliver(random: Random, bytes: Buffer, cleanAndSingle: boolean): Promise<boolean> {
    const roll = random.next();
    this.mustAnswer = false;
    if (roll < 0.06) {
      await this.write([bytes.subarray(0, random.below(bytes.length + 1))]);
      if (random.chance(0.5)) await sleep(random.below(4));
      this.abort(random);
      return false;
    }
    this.mustAnswer = cleanAndSingle;
    const pieces = roll < 0.3 ? split(random, bytes) : [bytes];
    this.inPieces = pieces.length > 1;
    await this.write(pieces, roll < 0.2 ? 1 : 0);
    if (roll > 0.96) {
      if (random.chance(0.7)) await sleep(random.below(4));
      this.abort(random);
      return false;
    }
    await this.waitForAnswers(cleanAndSingle);
    return cleanAndSingle;
  }

  private async write(pieces: readonly Buffer[], pauseMs = 0): Promise<void> {
    for (const [i, piece] of pieces.entries()) {
      if (i > 0) await (pauseMs > 0 ? sleep(pauseMs) : new Promise(setImmediate));
      if (this.closed) return;
      this.sent!.add(piece);
      this.socket!.write(piece);
    }
  }

  private abort(random: Random): void {
    this.report.count("requests: broken off");
    const { socket } = this;
    this.socket = undefined;
    this.closed = true;
    if (random.chance(0.5)) socket!.resetAndDestroy();
    else socket!.destroy();
  }

  private async waitForAnswers(cleanAndSingle: boolean): Promise<void> {
    const expected = (): number => this.sent!.read().filter(({ complete }) => complete).length;
    for (;;) {
      if (this.closed || (this.present === undefined && this.answers >= Math.max(expected(), 1))) return;
      const before = performance.now();
      const waitMs = cleanAndSingle ? CLEAN_WAIT_MS : DIRTY_WAIT_MS;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (performance.now() - before < waitMs - 1) continue;
      if (cleanAndSingle) this.judgeHang(`no answer for ${waitMs} ms`);
      else this.report.count("client: left after waiting for more");
      this.closesAfter = true;
      return;
    }
  }

  private close(): void {
    this.socket?.destroy();
    this.socket = undefined;
  }

  // ── Answers ──────────────────────────────────────────────────────────────────────────────────────────────────────

  private read(bytes: Buffer): void {
    const result = this.parser.execute(bytes);
    if (typeof result !== "number") {
      // To HEAD, too, uWebSockets.js's own refusals have a body.
      if (FIXED_REFUSAL.test(bytes.latin1Slice())) this.report.count("client: refused by uWebSockets.js");
      else this.report.violation(`a malformed answer: ${result.code}`, { sent: this.sent!.raw, bytes });
      this.closed = true;
    }
    this.wake();
  }

  private startAnswer(status: number, flat: readonly string[]): number {
    if (status < 200) return 0;
    const fields = new Map<string, string>();
    for (let i = 0; i < flat.length; i += 2) fields.set(flat[i]!.toLowerCase(), flat[i + 1]!);
    const index = this.answers;
    this.answers += 1;
    this.present = { index, status, fields, body: [] };
    if (fields.get("connection") === "close") this.closesAfter = true;
    return this.sent!.read()[index]?.method === "HEAD" ? 1 : 0;
  }

  private endAnswer(complete: boolean): void {
    const answer = this.present;
    if (answer === undefined) return;
    this.present = undefined;
    const problem = this.judge(answer, complete);
    if (problem === "") return;
    const made = this.sent!.read()[answer.index]?.answers.map(({ made }) => made.bytes) ?? [];
    const body = Buffer.concat(answer.body);
    const got = `${answer.status} ${JSON.stringify([...answer.fields])}`;
    this.report.violation(problem, { sent: this.sent!.raw, got, body, ...Object.fromEntries(made.entries()) });
  }

  private ended(): void {
    if (this.closed) return;
    this.closed = true;
    if (
      this.present !== undefined &&
      !this.present.fields.has("content-length") &&
      !this.present.fields.has("transfer-encoding")
    ) {
      this.parser.finish();
    }
    this.endAnswer(false);
    if (this.mustAnswer && this.answers === 0) this.judgeNoAnswer();
    this.wake();
  }

  private judgeNoAnswer(): void {
    const [message] = this.sent!.read();
    // A close while we still send is a reset, and the answer before it may be lost with it.
    const mayBeLost = this.inPieces || message?.answers.some(({ made, isEarly }) => made.fuzzed || isEarly);
    if (mayBeLost) this.report.count("client: closed without an answer");
    else this.judgeHang("closed without an answer");
  }

  private judgeHang(what: string): void {
    const { raw } = this.sent!;
    const messages = this.sent!.read();
    const answers = messages.flatMap(({ answers }) => answers.map(({ made }) => made.bytes));
    const got = `${this.answers} answers to ${messages.length} requests, of which ${answers.length} reached an origin`;
    this.report.violation(what, { sent: raw, got, ...Object.fromEntries(answers.entries()) });
  }

  /**
   * uWebSockets.js writes its own refusal of a pipelined request into the answer that is on its way, where it may even
   * fill what is missing of the body. Where it starts in the body, -1 if it is not there.
   */
  private findRefusal(body: Buffer, index: number): number {
    const messages = this.sent!.read();
    // Behind chunks the reference does not look for requests.
    const mayFollow = messages.length > index + 1 || messages[index]?.chunked || messages[index]?.error !== "";
    return mayFollow ? body.toString("latin1").search(REFUSAL_START) : -1;
  }

  /** What is wrong with an answer, "" for nothing. */
  private judge({ index, status, fields, body }: Answer, complete: boolean): string {
    const message = this.sent!.read()[index];
    const all = Buffer.concat(body);
    const refusalAt = fields.has("via") ? this.findRefusal(all, index) : -1;
    const bytes = refusalAt === -1 ? all : all.subarray(0, refusalAt);
    if (!fields.has("via")) {
      this.report.count(`client: ${status} of the gateway`);
      // OPTIONS whose Max-Forwards is spent is answered here (RFC 9110 7.6.2).
      const isOwn = status >= 400 || (status === 204 && message?.method === "OPTIONS");
      if (!isOwn || (!complete && fields.has("content-length"))) return `${status} of the gateway`;
      const isFirst = this.mustAnswer && this.sent!.isClean(index);
      if (!isFirst || message === undefined) return "";
      const mayFail = message.answers.some(({ made }) => made.fuzzed);
      // A reused connection that the origin closes at that moment: only what may be sent twice is spared.
      // Where answers wait for each other, a replay may be caught by another request's misbehaving answer.
      const stale =
        message.body.length > 0 ||
        // Its body is still to come.
        !message.complete ||
        message.chunked ||
        /^P(?:OST|ATCH)$/.test(message.method) ||
        message.target.startsWith("/deep/");
      return status === 502 && (mayFail || stale) ? "" : `${status} for a clean request`;
    }
    if (message === undefined || message.answers.length === 0) return "an answer that no origin gave to this request";
    const found = message.answers.some((answer) => agrees(answer, status, fields, bytes, complete && refusalAt === -1));
    // An origin that leaves a close-delimited answer open ends it with the next one's end, where several share a connection.
    const foundEnded = () =>
      message.target.startsWith("/deep/") &&
      complete &&
      message.answers.some(({ readEnded }) => readEnded.complete && bytes.equals(readEnded.body));
    if (!found && !foundEnded()) return "not the answer that the origin gave to this request";
    const outcome = refusalAt !== -1 ? "broken by a refusal of uWebSockets.js" : complete ? "passed on" : "cut";
    this.report.count(`client: answers ${outcome}`);
    return "";
  }
}

/** Whether the client has seen what the reference reads in the origin's bytes, or a beginning of it that it can tell. */
function agrees(
  { made, read }: SentAnswer,
  status: number,
  fields: ReadonlyMap<string, string>,
  body: Buffer,
  complete: boolean,
): boolean {
  if (findRule(TAKEN, made.bytes, read) !== undefined) return true;
  const head = read.heads.at(-1);
  if (head === undefined || head.status !== status) return false;
  const named = head.fields
    .filter(([name]) => name.toLowerCase() === "connection")
    .flatMap(([, value]) => value.split(",").map((option) => option.trim().toLowerCase()));
  // Date and the framing are the gateway's own.
  if (named.some((name) => fields.has(name) && !OWN.has(name))) return false;
  const echo = head.fields.findLast(([name]) => name.toLowerCase() === "x-echo")?.[1];
  if (echo !== fields.get("x-echo")) return false;
  if (complete) return read.complete && body.equals(read.body);
  return body.equals(read.body.subarray(0, body.length));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
