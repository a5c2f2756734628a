/** metrics: what the program counts of its work, as a page for Prometheus and, if asked, as a file for node_exporter. */
import { dirname } from "node:path";
import { z } from "zod";
import { defineFeature, type FeatureTable, type Problem, type ProgramView } from "../../../build/feature.ts";
import { ADMIN_CONNECTIONS_MAX } from "../../../build/schema/defaults.ts";
import { expectations } from "../../../build/schema/expect.ts";
import { name } from "../../../build/schema/routes.ts";
import { duration, parseDurationMs } from "../../../build/schema/units.ts";
import { counterBytes, pageBytes, SERIES_MAX, seriesCount } from "./series.ts";

const LISTENER = "admin";
const PATH = "/metrics";
const FILE = "/run/gw/gw.prom";
/** What a gateway on a device answers in: from a neighbour's cached reading to a request over a mobile network. */
const BUCKETS = ["1ms", "5ms", "25ms", "100ms", "500ms", "2500ms"];
/** The counters have room for one more, for what is longer than all of them. */
const BUCKETS_MAX = 15;
/** What Prometheus scrapes by is a minute as it comes, and a quarter of that where people set it. */
const INTERVAL = "15s";
const INTERVAL_MS_MIN = 1000;

const metrics = z
  .strictObject({
    listener: name(
      `The target's listener with the page; left out, "${LISTENER}", or none if there is a textfile.`,
    ).optional(),
    path: z
      .string()
      .regex(/^(\/[A-Za-z0-9._~-]+)+$/)
      .meta({ description: `The page's path; left out, ${PATH}.`, examples: [PATH] })
      .register(expectations, { expected: `a path such as ${PATH}` })
      .optional(),
    buckets: z
      .array(duration("What a bucket holds at most."))
      .min(1)
      .max(BUCKETS_MAX)
      .describe(`Upper bounds of the histograms' buckets, ascending; left out, ${BUCKETS.join(", ")}.`)
      .optional(),
    textfile: z
      .strictObject({
        path: z
          .string()
          .regex(/^(\/(?!\.{1,2}\/)[A-Za-z0-9._@-]+)+\.prom$/)
          .meta({ description: "The file, ending in .prom; its folder must be there.", examples: [FILE] })
          .register(expectations, { expected: `an absolute path that ends in .prom, such as ${FILE}` }),
        interval: duration(`How often it is written, at most every second; left out, every ${INTERVAL}.`).optional(),
      })
      .describe("The same as a file on the device, for node_exporter's textfile collector.")
      .optional(),
  })
  .describe("Counts requests, errors, connections and memory, for Prometheus and what reads the like.");

type Metrics = z.infer<typeof metrics>;

export default defineFeature({
  name: "metrics",
  stage: "observe",
  summary: "requests, errors, connections and memory, counted for Prometheus",
  routeKeys: {},
  programKeys: { metrics },
  codes: {
    HW2501: "metrics: buckets that do not ascend",
    HW2502: "metrics: more series than a device can tell at once",
    HW2503: "metrics: a path for a page that is not there",
    HW2504: "metrics: a file written too often",
  },
  use: () => undefined,
  checkProgram(values, program, problem) {
    const written = values.metrics as Metrics;
    checkBuckets(written.buckets ?? [], problem);
    checkSeries(written, program, problem);
    if (written.path !== undefined && listenerOf(written) === undefined) {
      problem("HW2503", ["metrics", "path"], `beside a textfile there is a page only with a listener; add "listener"`);
    }
    const { interval } = written.textfile ?? {};
    if (interval !== undefined && parseDurationMs(interval) < INTERVAL_MS_MIN) {
      problem("HW2504", ["metrics", "textfile", "interval"], "1s is the shortest; nothing reads it more often");
    }
  },
  useProgram(values, program) {
    const written = values.metrics as Metrics;
    const { path = PATH, textfile } = written;
    const bounds = boundsOf(written);
    const bytes = pageBytes(program, bounds.length);
    const page = { bytes, bounds };
    const listener = listenerOf(written);
    const file = textfile && {
      path: textfile.path,
      intervalMs: parseDurationMs(textfile.interval ?? INTERVAL),
      page,
    };
    return {
      requests: {
        phases: { done: { fn: "count", data: bounds }, upstreamError: { fn: "countError", data: null } },
      },
      start: file === undefined ? { fn: "start", data: null } : { fn: "startWithFile", data: file },
      pages: listener === undefined ? [] : [{ listener, path, fn: "page", data: page }],
      tables: tablesOf(program, bounds.length, listener !== undefined, file !== undefined),
      descriptors: file === undefined ? 0 : 1,
      writes: textfile === undefined ? [] : [dirname(textfile.path)],
    };
  },
});

function listenerOf({ listener, textfile }: Metrics): string | undefined {
  return listener ?? (textfile === undefined ? LISTENER : undefined);
}

function boundsOf({ buckets = BUCKETS }: Metrics): number[] {
  return buckets.map(parseDurationMs);
}

function checkBuckets(buckets: readonly string[], problem: Problem): void {
  const at = buckets.findIndex((bucket, i) => i > 0 && parseDurationMs(bucket) <= parseDurationMs(buckets[i - 1]!));
  if (at === -1) return;
  const message = `${buckets[at]} comes after ${buckets[at - 1]}; each bound must be larger than the one before`;
  problem("HW2501", ["metrics", "buckets", at], message);
}

function checkSeries(written: Metrics, program: ProgramView, problem: Problem): void {
  const buckets = boundsOf(written).length;
  const count = seriesCount(program, buckets);
  if (count <= SERIES_MAX) return;
  const { routes, upstreams } = program;
  const message =
    `${plural(routes.length, "route")} and ${plural(upstreams.length, "upstream")} with ${buckets} buckets make ${count} series, ` +
    `at most ${SERIES_MAX} are possible; each bucket less saves ${routes.length + 1 + upstreams.length} of them`;
  problem("HW2502", written.buckets === undefined ? ["metrics"] : ["metrics", "buckets"], message);
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function tablesOf(program: ProgramView, buckets: number, hasPage: boolean, hasFile: boolean): FeatureTable[] {
  const series = seriesCount(program, buckets);
  const bytes = pageBytes(program, buckets);
  const table = (name: string, amount: number, formula: string): FeatureTable => {
    return { name, bytes: amount, formula, isInHeap: false };
  };
  return [
    table(
      "counters",
      counterBytes(program),
      `of ${series} series: for each route, for each upstream, and for no route`,
    ),
    table(
      "text",
      bytes * (hasFile ? 2 : 1),
      `${series} series as text${hasFile ? ", and again while the file is written" : ""}`,
    ),
    ...(hasPage
      ? [
          table(
            "unread pages",
            bytes * ADMIN_CONNECTIONS_MAX,
            `${ADMIN_CONNECTIONS_MAX} × ${bytes} B: one for each admin connection that does not read`,
          ),
        ]
      : []),
  ];
}
