/**
 * What SIGUSR1 asks for, as lines of the log. Only what is counted anyway: nothing here costs a request anything.
 */
import { readFileSync } from "node:fs";
import { getHeapStatistics } from "node:v8";
import { exchangesInFlight } from "./exchange.ts";
import { logLine } from "./log.ts";
import { openConnections } from "./peer.ts";
import type { UpstreamPool } from "./pool.ts";
import { pools } from "./proxy.ts";
import { wakeClock } from "./timers.ts";

export function logStatistics(): void {
  // Whether an endpoint is down is told by the clock, which stands still while nothing waits.
  wakeClock();
  const { used_heap_size: used, heap_size_limit: most } = getHeapStatistics();
  logLine(`statistics: up ${Math.floor(process.uptime())} s, ${load()}`);
  for (const pool of pools) logLine(`statistics: upstream ${pool.upstream.name}: ${describe(pool)}`);
  logLine(`statistics: memory: ${privateKib()} KiB private, V8's heap ${used >> 10} of ${most >> 10} KiB`);
}

/** "12 requests in flight, 34 connections" */
export function load(): string {
  return `${exchangesInFlight()} requests in flight, ${openConnections()} connections`;
}

function describe({ endpoints, waiting }: UpstreamPool): string {
  const open = endpoints.reduce((sum, endpoint) => sum + endpoint.open, 0);
  const idle = endpoints.reduce((sum, endpoint) => sum + endpoint.idle.length, 0);
  const down = endpoints.filter(({ isDown }) => isDown).length;
  return `${open} connections, ${idle} idle, ${waiting.length} requests waiting, ${down} of ${endpoints.length} endpoints down`;
}

/** Without the pages of files, which the kernel can drop; 0 where there is no /proc. */
export function privateKib(): number {
  try {
    return Number(/RssAnon:\s+(\d+)/.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
