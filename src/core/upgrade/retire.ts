/**
 * The way out of a process whose place another one has taken. It listens no more; each client hears of the close with
 * its next answer, or is silent until uWebSockets.js's own timer ends its connection. So nobody is cut off in between
 * two requests.
 */
import { DRAIN_MS } from "#generated/constants.ts";
import { logLine } from "../log.ts";
import { openConnections } from "../peer.ts";
import { setDraining } from "../proxy.ts";
import type { Server } from "../server.ts";
import { addWalker, afterPoll, deadlineIn, hasPassed, wakeClock } from "../timers.ts";

/** uWebSockets.js closes an idle connection after 10 s, counted in steps of 4 (its own timer). */
const IDLE_MS = 15_000;

export function retire(server: Server, reason: string): void {
  afterPoll(() => {
    // Not before: who is told to connect anew would come into the queue that is closed.
    setDraining(true);
    server.stopListening();
    server.stopAdmin();
  });
  logLine(`${reason}: going, ${openConnections()} connections open`);
  wakeClock();
  const limitMs = deadlineIn(Math.max(DRAIN_MS, IDLE_MS));
  addWalker(() => {
    if (openConnections() > 0 && !hasPassed(limitMs)) return true;
    server.closeAll();
    process.exit(0);
  });
}
