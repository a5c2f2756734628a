/**
 * What systemd is told (sd_notify(3)): ready, its status, signs of life, stopping. Only where
 * NOTIFY_SOCKET says that somebody listens.
 *
 * Messages are few: what comes while one is on its way goes out together after it. One that may not have been heard is
 * said again: while systemd reads its units anew it hears nobody, and without a sign of life it would end a service that
 * is well. A message that cannot be sent never ends the service; systemd will, if it cares.
 */
import { DRAIN_MS, HAS_WATCHDOG } from "#generated/constants.ts";
import { listeners, routeNames } from "#generated/tables.ts";
import { exchangesInFlight } from "./exchange.ts";
import { addressOf } from "./listen.ts";
import { logLine, WARNING } from "./log.ts";
import { isListening } from "./server.ts";
import { load } from "./statistics.ts";
import { notify } from "./systemd-notify.ts";
import { wait } from "./timers.ts";
import { startWatchdog, stopWatchdog } from "./watchdog.ts";

const RETRIES = 3;
const RETRY_MS = 1000;

/** Only the service's main process speaks. */
let speaks = false;
let draining = false;
/** Something of a moment ago that the status goes on saying. */
let remark = "";

/**
 * This is the service's main process and it serves, or again after `endService`.
 * @param takenOver from the process that systemd started
 */
export function beginService(takenOver: boolean): void {
  speaks = process.env.NOTIFY_SOCKET !== undefined;
  if (!speaks) return;
  tell({ READY: "1", STATUS: status() });
  if (HAS_WATCHDOG) {
    startWatchdog(
      takenOver,
      () => isListening,
      () => tell({ WATCHDOG: "1", STATUS: status() }),
    );
  }
}

/** Another process goes on with the service: this one is silent from now on. */
export function endService(): void {
  speaks = false;
  pending.clear();
  if (HAS_WATCHDOG) stopWatchdog();
}

/** No connection is accepted from now on, and the process will end. */
export function tellStopping(): void {
  draining = true;
  tell({ STOPPING: "1", STATUS: status() });
}

/** @param text added to the status from now on: "credentials read anew" */
export function tellRemark(text: string): void {
  remark = text;
  tell({ STATUS: status() });
}

function status(): string {
  if (draining) return `draining, ${exchangesInFlight()} in flight, limit ${DRAIN_MS / 1000} s`;
  const said = `serving ${routeNames.length} routes on ${listeners.map(addressOf).join(", ")}; ${load()}`;
  return remark === "" ? said : `${said}; ${remark}`;
}

/** By name, what the next message will say. */
const pending = new Map<string, string>();
let running = false;
/** In a row. */
let failures = 0;
let complained = false;

function tell(fields: Readonly<Record<string, string>>): void {
  if (!speaks) return;
  for (const [name, value] of Object.entries(fields)) {
    // Of contradicting fields systemd takes the last.
    pending.delete(name);
    pending.set(name, value);
  }
  if (!running) void send();
}

async function send(): Promise<void> {
  running = true;
  while (pending.size > 0) {
    const sent = [...pending];
    pending.clear();
    const problem = await notify(
      sent.map(([name, value]) => `${name}=${value}`),
      !complained,
    );
    if (problem === "") {
      failures = 0;
      continue;
    }
    if (!complained) logLine(`systemd cannot be told how the service fares: ${problem}`, WARNING);
    complained = true;
    if (failures === RETRIES) {
      failures = 0;
      continue;
    }
    failures += 1;
    if (!speaks) break;
    for (const [name, value] of sent) if (!pending.has(name)) pending.set(name, value);
    await wait(RETRY_MS);
  }
  running = false;
}
