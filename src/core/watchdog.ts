/**
 * systemd's watchdog (sd_watchdog_enabled(3)): a sign of life twice in the time it allows, each after a request to
 * ourselves by every listener was answered. Without one systemd ends the process and starts it anew.
 */
import { listeners } from "#generated/tables.ts";
import { addressOf } from "./listen.ts";
import { logLine, WARNING } from "./log.ts";
import { askSelf } from "./self-request.ts";
import { every } from "./timers.ts";

let stop = (): void => {};
let abandon = (): void => {};
/** A request to ourselves is under way. */
let asking = false;
let failing = false;

/**
 * @param takenOver this process was not the one that systemd started
 * @param listens whether the listeners are open; while they are not, in a drain or while another build is on trial, that
 *   the event loop turns is sign enough
 * @param alive gives the sign
 */
export function startWatchdog(takenOver: boolean, listens: () => boolean, alive: () => void): void {
  const { WATCHDOG_USEC, WATCHDOG_PID = String(process.pid) } = process.env;
  const ms = Math.floor(Number(WATCHDOG_USEC) / 1000 / 2);
  if (!(ms > 0) || (!takenOver && WATCHDOG_PID !== String(process.pid))) return;
  stop = every(ms, () => {
    if (asking) fail(listeners.length - 1, `no answer within ${ms} ms`);
    asking = false;
    abandon();
    if (listens()) ask(0, alive);
    else alive();
  });
}

export function stopWatchdog(): void {
  stop();
  abandon();
}

/** One listener after the other; all share the event loop. */
function ask(number: number, alive: () => void): void {
  asking = true;
  abandon = askSelf(listeners[number]!, (error) => {
    asking = false;
    if (error !== "") fail(number, error);
    else if (number + 1 < listeners.length) ask(number + 1, alive);
    else {
      if (failing) logLine("watchdog: answered again");
      failing = false;
      alive();
    }
  });
}

/** Said once: it comes again every time until the end. */
function fail(number: number, why: string): void {
  if (!failing) logLine(`watchdog: a request to itself at ${addressOf(listeners[number]!)} failed: ${why}`, WARNING);
  failing = true;
}
