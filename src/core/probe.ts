/**
 * What would become of a request: the core's own way from a head to an upstream's request or to an answer, but for the
 * sending. It runs at build and in `--self-test`, never while serving.
 */
import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import { REQUEST_HEAD_BYTES } from "#generated/constants.ts";
import { routeNames, routeUpstream, upstreams } from "#generated/tables.ts";
import { finishAnswerHead, sendReply } from "./answer.ts";
import { Exchange } from "./exchange.ts";
import { admit, replyTo } from "./proxy.ts";
import { headView } from "./slab.ts";

export interface Outcome {
  /** "" where no route takes the request. */
  readonly route: string;
  /** 0 if the request goes to an upstream. */
  readonly status: number;
  /** Of an answer that the core gives itself, such as "no_route"; else "". */
  readonly code: string;
  /** "" where none is asked. */
  readonly upstream: string;
  /** Path and query as the upstream sees them; "" where none is asked. */
  readonly path: string;
  /** Towards the upstream; names in lower case. */
  readonly requestFields: readonly Field[];
  /** Of the gateway's own answer, or those it adds to an upstream's; names in lower case. */
  readonly responseFields: readonly Field[];
}
export type Field = readonly [name: string, value: string];

/** What a request is read by; uWebSockets.js's own, or one of the build's. */
export type ProbedRequest = Pick<
  HttpRequest,
  "getCaseSensitiveMethod" | "getUrl" | "getQuery" | "getHeader" | "forEach"
>;

/**
 * The request comes from 127.0.0.1.
 * @param listener index of the listener it comes by
 */
export function probe(req: ProbedRequest, listener: number): Outcome {
  const x = new Exchange(Buffer.alloc(REQUEST_HEAD_BYTES), { onAborted() {}, onData() {}, onWritable: () => true });
  const answer = new CaughtAnswer();
  x.res = answer as unknown as HttpResponse;
  x.req = req as HttpRequest;
  const number = admit(x, x.req, listener);
  x.req = null;
  const route = routeNames[x.route] ?? "";
  if (number !== 0) {
    sendReply(x, replyTo(number), false);
    return { route, upstream: "", path: "", requestFields: [], ...answer.read() };
  }
  const [line = "", ...lines] = x.head.latin1Slice(x.headStart, x.headEnd).trimEnd().split("\r\n");
  const added = Buffer.from(headView(finishAnswerHead(x, 0, false))).latin1Slice();
  return {
    route,
    status: 0,
    code: "",
    upstream: upstreams[routeUpstream[x.route]!]!.name,
    path: line.split(" ")[1]!,
    requestFields: fieldsOf(lines),
    responseFields: fieldsOf(added.split("\r\n").slice(1)),
  };
}

function fieldsOf(lines: readonly string[]): Field[] {
  return lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
}

/** Stands for the client's side: keeps what would be sent. */
class CaughtAnswer {
  #head = "";
  #body = "";

  read(): Pick<Outcome, "status" | "code" | "responseFields"> {
    const [status = "", ...lines] = this.#head.split("\r\n");
    const responseFields = fieldsOf(lines);
    const isProblem = responseFields.some(([, value]) => value === "application/problem+json");
    const code = isProblem ? String((JSON.parse(this.#body) as { code?: string }).code ?? "") : "";
    return { status: Number(status.slice(0, 3)), code, responseFields };
  }

  cork(write: () => void): void {
    write();
  }
  writeStatus(head: Uint8Array): void {
    this.#head = Buffer.from(head).latin1Slice();
  }
  end(body?: Uint8Array): void {
    this.#body = Buffer.from(body ?? []).toString();
  }
  endWithoutBody(): void {}
  onData(): void {}
  pause(): void {}
  getRemoteAddressAsText(): ArrayBuffer {
    return new TextEncoder().encode("127.0.0.1").buffer;
  }
}
