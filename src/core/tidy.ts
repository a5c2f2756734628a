/**
 * Gives memory back after a storm. Pools are as large as the most that was ever needed at once, and what closed
 * connections leave behind lies in the old generation, where only a major collection finds it: small traffic never
 * brings one about. So once nothing has been in flight for a second, the pool of exchanges shrinks to what usual traffic
 * needs, and the collector is asked once. That takes 15 to 40 ms of a moment in which nobody waits.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { exchangesInFlight, haveExchangesGrown, shrinkExchanges } from "./exchange.ts";
import { addWalker, deadlineIn, hasPassed } from "./timers.ts";

const QUIET_MS = 1000;
/** Connections whose remains are worth a collection; some 5 KB each. */
const CLOSED_WORTH_IT = 64;

let closedConnections = 0;
/** 0 while something is in flight. */
let quietAtMs = 0;
addWalker(tidyWhenQuiet);

/** To be called for every upstream connection that closes. */
export function countClosed(): void {
  closedConnections += 1;
}

function tidyWhenQuiet(): boolean {
  if (exchangesInFlight() > 0) {
    quietAtMs = 0;
    return false;
  }
  if (closedConnections < CLOSED_WORTH_IT && !haveExchangesGrown()) return false;
  if (quietAtMs === 0) quietAtMs = deadlineIn(QUIET_MS);
  if (!hasPassed(quietAtMs)) return true;
  quietAtMs = 0;
  closedConnections = 0;
  shrinkExchanges();
  collect();
  return false;
}

/**
 * V8 gives its collector only to contexts that are made after its flag was set; set at the start it would cost 9 ms
 * there. This kind of collection alone gives pages back that are no longer full.
 */
function collect(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext('gc({ type: "major", execution: "sync", flavor: "last-resort" })');
  setFlagsFromString("--no-expose-gc");
}
