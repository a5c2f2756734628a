/**
 * What would become of a request: the core's own way from a head to an upstream's request or to an answer, but for the
 * sending. It runs at build and in `--self-test`, never while serving.
 */
import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import { REQUEST_HEAD_BYTES } from "#generated/constants.ts";
import { routeNames, routeUpstream, upstreams } from "#generated/tables.ts";
import { finishAnswerHead, sendReply } from "./answer.ts";
import { Exchange } from "./exchange.ts";
import type { Reply } from "./fault.ts";
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
  const x = new Exchange(0, Buffer.alloc(REQUEST_HEAD_BYTES), { onAborted() {}, onData() {}, onWritable: () => true });
  const answer = new CaughtAnswer();
  x.res = answer as unknown as HttpResponse;
  x.req = req as HttpRequest;
  const number = admit(x, x.req, listener);
  x.req = null;
  const route = routeNames[x.route] ?? "";
  if (number !== 0) {
    const reply = replyTo(number);
    sendReply(x, reply, false);
    return { route, code: codeOf(reply), upstream: "", path: "", requestFields: [], ...answer.read() };
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

/** A feature's answer has none, nor has one without a body. */
function codeOf({ fromFeature, bodiless, body }: Reply): string {
  return fromFeature || bodiless ? "" : (JSON.parse(body.toString()) as { code: string }).code;
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

  read(): Pick<Outcome, "status" | "responseFields"> {
    const [status = "", ...lines] = this.#head.split("\r\n");
    return { status: Number(status.slice(0, 3)), responseFields: fieldsOf(lines) };
  }

  cork(write: () => void): void {
    write();
  }
  writeStatus(head: Uint8Array): void {
    this.#head = Buffer.from(head).latin1Slice();
  }
  end(): void {}
  endWithoutBody(): void {}
  onData(): void {}
  pause(): void {}
  getRemoteAddressAsText(): ArrayBuffer {
    return new TextEncoder().encode("127.0.0.1").buffer;
  }
}
