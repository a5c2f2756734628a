/**
 * How many series a program has, and how large their text and counters become. Both follow from the routes file alone:
 * a series is there from the start, and none comes later. scrape.test.ts holds it against a program that runs.
 */
import type { ProgramView } from "../../../build/feature.ts";

/** Of one program. More would hold its event loop for some 10 ms a scrape, and cost a Prometheus 10 MB. */
export const SERIES_MAX = 10_000;

/** A route's: requests by class of status, unfinished ones by end, a histogram without its buckets. */
const OF_ROUTE = 5 + 2 + 3;
/** An upstream's: errors by code, attempts, retries, connections and requests by state, a histogram without its buckets. */
const OF_UPSTREAM = 7 + 2 + 6 + 3;
/** Refusals by reason, collections by kind and duration, and all that the program has once. */
const OF_PROGRAM = 15 + 21 + 14;

/** What a line has at most besides its route's or upstream's name. */
const LINE_BYTES = 120;
/** What all metrics have at most to say of themselves, and the build's description. */
const HELP_BYTES = 6 * 1024;

/** Of one route or upstream, as runtime-count.ts has them; an upstream has one more for each number of a fault. */
const ROW_BYTES = 32 * 8;
const ERRORS_BYTES = 64 * 8;

export function counterBytes({ routes, upstreams }: ProgramView): number {
  return (routes.length + 1) * ROW_BYTES + upstreams.length * (ROW_BYTES + ERRORS_BYTES);
}

export function seriesCount({ routes, upstreams }: ProgramView, buckets: number): number {
  return (routes.length + 1) * (OF_ROUTE + buckets) + upstreams.length * (OF_UPSTREAM + buckets) + OF_PROGRAM;
}

/** A bound: no text is longer, whatever the numbers. */
export function pageBytes({ routes, upstreams }: ProgramView, buckets: number): number {
  const routeNames = routes.reduce((sum, { name }) => sum + name.length, 1);
  const upstreamNames = upstreams.reduce((sum, { name }) => sum + name.length, 0);
  return (
    HELP_BYTES +
    seriesCount({ routes, upstreams } as ProgramView, buckets) * LINE_BYTES +
    routeNames * (OF_ROUTE + buckets) +
    upstreamNames * (OF_UPSTREAM + buckets)
  );
}
