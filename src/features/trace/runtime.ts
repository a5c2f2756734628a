/**
 * trace, on the device (W3C Trace Context, level 2):
 *
 * ```
 * traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
 *              │  trace: of the whole request        │ span: ours    └ sampled 1, random 2
 *              └ version
 * ```
 *
 * A valid one is continued: same trace, a new span. Anything else begins a trace that is not sampled. Clients that are
 * not trusted have no say in what is sampled: their flag and their tracestate, by which vendors say the same, end here.
 */

import { HAS_DONE } from "#generated/constants.ts";
import { cameBy } from "../../core/arrival.ts";
import { putText } from "../../core/bytes.ts";
import type { Exchange } from "../../core/exchange.ts";
import { putRandomHex, randomHex } from "../../core/random-hex.ts";
import { takenValue, timesTaken } from "../../core/taken.ts";
import { flagsOf, isTraceparent, RANDOM, SAMPLED, TRACE_AT, TRACE_END } from "./runtime-traceparent.ts";
import { isTracestate } from "./runtime-tracestate.ts";

interface Data {
  /** Numbers of the fields, see src/core/taken.ts; the second is -1 where nobody is trusted. */
  readonly parent: number;
  readonly state: number;
  /** Names of listeners. */
  readonly trust: readonly string[];
}

const TRACE_BYTES = 16;
const SPAN_BYTES = 8;

// Of the request whose head is being read; its head towards the upstream is written before the next one is read.
let traceId = "";
let flags = 0;
let tracestate = "";

export function readContext(x: Exchange, { parent, state, trust }: Data): void {
  const traceparent = takenValue(parent);
  tracestate = "";
  if (traceparent !== "" && timesTaken(parent) === 1 && isTraceparent(traceparent)) {
    traceId = traceparent.slice(TRACE_AT, TRACE_END);
    flags = flagsOf(traceparent) & (SAMPLED | RANDOM);
    if (state === -1 || !cameBy(trust)) flags &= RANDOM;
    else if (isTracestate(takenValue(state))) tracestate = takenValue(state);
  } else {
    traceId = randomHex(TRACE_BYTES);
    flags = RANDOM;
  }
  if (HAS_DONE) x.record!.traceId = traceId;
}

export function appendContext(_x: Exchange, out: Buffer, at: number, _data: null): number {
  let end = putText(out, at, "traceparent: 00-");
  end = putText(out, end, traceId);
  end = putText(out, end, "-");
  end = putRandomHex(out, end, SPAN_BYTES);
  end = putText(out, end, FLAGS[flags]!);
  if (tracestate === "") return end;
  end = putText(out, end, "tracestate: ");
  end = putText(out, end, tracestate);
  return putText(out, end, "\r\n");
}

/** With the end of the line. */
const FLAGS = ["-00\r\n", "-01\r\n", "-02\r\n", "-03\r\n"];
