/**
 * What systemd is told (sd_notify(3)): ready, its status, signs of life, stopping. Only where
 * NOTIFY_SOCKET says that somebody listens.
 *
 * Node.js has no datagram sockets for that (nodejs/node#61933), so systemd's own program is run for each message. It is
 * worth some milliseconds, so there are few: what comes while one runs goes out together after it. A message that cannot
 * be sent never ends the service; systemd will, if it cares.
 */
import { DRAIN_MS, HAS_WATCHDOG } from "#generated/constants.ts";
import { listeners, routeNames } from "#generated/tables.ts";
import { exchangesInFlight } from "./exchange.ts";
import { addressOf } from "./listen.ts";
import { logLine, WARNING } from "./log.ts";
import { load } from "./statistics.ts";
import { startWatchdog, stopWatchdog } from "./watchdog.ts";

const PROGRAM = "/usr/bin/systemd-notify";
/** It waits for up to 5 s by itself until the message has been read. */
const PROGRAM_MS_MAX = 10_000;

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
      () => !draining,
      () => tell({ WATCHDOG: "1", STATUS: status() }),
    );
  }
}

/** Another process goes on with the service: this one is silent from now on. */
export function endService(): void {
  speaks = false;
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
let complained = false;

function tell(fields: Readonly<Record<string, string>>): void {
  if (!speaks) return;
  for (const [name, value] of Object.entries(fields)) {
    // Of contradicting fields systemd takes the last.
    pending.delete(name);
    pending.set(name, value);
  }
  if (!running) send();
}

function send(): void {
  const message = [...pending].map(([name, value]) => `${name}=${value}`);
  pending.clear();
  running = true;
  const end = (problem: string): void => {
    if (problem !== "" && !complained)
      logLine(`systemd cannot be told how the service fares: ${PROGRAM} ${problem}`, WARNING);
    complained ||= problem !== "";
    running = false;
    if (pending.size > 0) send();
  };
  try {
    // Loaded for this alone: it takes 10 ms. What the program has to say of a failure is for the log.
    const child = process.getBuiltinModule("node:child_process").spawn(PROGRAM, message, {
      stdio: ["ignore", "ignore", complained ? "ignore" : "inherit"],
      timeout: PROGRAM_MS_MAX,
      killSignal: "SIGKILL",
    });
    child.once("error", (error: NodeJS.ErrnoException) => end(`cannot be run: ${error.code}`));
    child.once("exit", (code, signal) => end(code === 0 ? "" : `ended with ${signal ?? code}`));
  } catch (error) {
    end(`cannot be run: ${(error as NodeJS.ErrnoException).code}`);
  }
}
