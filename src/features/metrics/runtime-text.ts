/**
 * The two texts that Prometheus reads: its own format 0.0.4 and OpenMetrics 1.0. They differ in the names of counters
 * in their descriptions, in how a description of the build is called, and in the last line. Written into one buffer
 * whose size is known at build (series.ts), so that no scrape needs memory of its own.
 */
import { putText } from "../../core/bytes.ts";

export type Kind = "counter" | "gauge" | "histogram" | "info";

const SUFFIX: Readonly<Record<Kind, string>> = { counter: "_total", gauge: "", histogram: "", info: "_info" };

export class Metrics {
  readonly #out: Buffer;
  readonly #open: boolean;
  #at = 0;
  #name = "";

  /** @param open OpenMetrics */
  constructor(out: Buffer, open: boolean) {
    this.#out = out;
    this.#open = open;
  }

  /** What follows is of this metric; `name` without "_total" or "_info". */
  metric(name: string, kind: Kind, help: string): void {
    this.#name = name + SUFFIX[kind];
    const described = this.#open ? name : this.#name;
    const type = !this.#open && kind === "info" ? "gauge" : kind;
    this.#put(`# HELP ${described} ${help}\n# TYPE ${described} ${type}\n`);
  }

  /** @param labels `route="a",code="2xx"`, or "" */
  value(labels: string, value: number): void {
    this.#sample("", labels, value);
  }

  /**
   * @param table buckets, each without those before it, and behind `sumAt` their sum in milliseconds
   * @param bounds in milliseconds
   */
  histogram(labels: string, bounds: readonly number[], table: Float64Array, at: number, sumAt: number): void {
    const first = labels === "" ? "" : `${labels},`;
    let count = 0;
    for (let i = 0; i < bounds.length; i++) {
      count += table[at + i]!;
      this.#sample("_bucket", `${first}le="${showBound(bounds[i]! / 1000)}"`, count);
    }
    count += table[at + bounds.length]!;
    this.#sample("_bucket", `${first}le="+Inf"`, count);
    this.#sample("_sum", labels, table[sumAt]! / 1000);
    this.#sample("_count", labels, count);
  }

  /** The text; good until the buffer is written to again. */
  end(): Uint8Array {
    if (this.#open) this.#put("# EOF\n");
    return this.#out.subarray(0, this.#at);
  }

  #sample(suffix: string, labels: string, value: number): void {
    this.#put(this.#name);
    this.#put(labels === "" ? `${suffix} ${value}\n` : `${suffix}{${labels}} ${value}\n`);
  }

  #put(text: string): void {
    this.#at = putText(this.#out, this.#at, text);
  }
}

/** A bound is part of a series' name, so both formats have it as OpenMetrics wants it: 1.0, not 1. */
function showBound(seconds: number): string {
  return Number.isInteger(seconds) ? `${seconds}.0` : String(seconds);
}

const OPEN_METRICS = /^\s*application\/openmetrics-text\s*(?:;|$)/;
const PLAIN = /^\s*(?:text\/(?:plain|\*)|\*\/\*)\s*(?:;|$)/;

/** Whether an Accept field asks for OpenMetrics, and for nothing else rather than for it. */
export function asksOpenMetrics(accept: string): boolean {
  let open = 0;
  let plain = 0;
  for (const range of accept.toLowerCase().split(",")) {
    const quality = Number(/;\s*q=([\d.]+)/.exec(range)?.[1] ?? 1);
    if (OPEN_METRICS.test(range)) open = Math.max(open, quality);
    else if (PLAIN.test(range)) plain = Math.max(plain, quality);
  }
  return open > 0 && open >= plain;
}
