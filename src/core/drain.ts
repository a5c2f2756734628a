/**
 * The way out: nothing more is accepted, what is in flight may end within DRAIN_MS, then the process exits with 0.
 */
import { DRAIN_MS, HAS_UPDATE } from "#generated/constants.ts";
import { exchangesInFlight } from "./exchange.ts";
import { logLine, WARNING } from "./log.ts";
import { setDraining } from "./proxy.ts";
import type { Server } from "./server.ts";
import { addWalker, afterPoll, deadlineIn, hasPassed, nowMs, wakeClock } from "./timers.ts";
import { isAlone } from "./upgrade/takeover.ts";

/** After the last exchange, what uWebSockets.js still holds of its answer gets this long to leave. */
const FLUSH_MS = 100;

/** @param reason for the log: "SIGTERM" */
export function drain(server: Server, reason: string): void {
  afterPoll(() => {
    // Not before: who is told to connect anew would come into the queue that is closed.
    setDraining(true);
    server.stopListening();
    logLine(`${reason}: draining, ${exchangesInFlight()} in flight`);
  });
  wakeClock();
  const limitMs = deadlineIn(DRAIN_MS);
  let emptySinceMs = -1;
  addWalker(() => {
    if (exchangesInFlight() > 0) emptySinceMs = -1;
    else if (emptySinceMs === -1) emptySinceMs = nowMs;
    const flushed = emptySinceMs !== -1 && nowMs - emptySinceMs >= FLUSH_MS;
    const empty = flushed && (!HAS_UPDATE || isAlone());
    if (!empty && !hasPassed(limitMs)) return true;
    if (!empty) logLine(`drain limit reached, ${exchangesInFlight()} cut`, WARNING);
    server.closeAll();
    process.exit(0);
  });
}
