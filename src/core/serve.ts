/**
 * Serving: boot, signals, and the way to the drain.
 *
 * ```
 * serve ──▶ addon loaded ──▶ every listener open ──▶ serving ──TERM, INT──▶ draining ──nothing in flight──▶ exit 0
 *             │ 71, 73          │ 69, 71, 77                                   │ drain limit, second signal
 *             ▼                 ▼                                              ▼
 *          one line, exit    one line, exit                              rest is cut, exit 0
 * ```
 */
import { CLIENT_HEAD_BYTES_MAX, STARTS_FEATURES, STOPS_FEATURES } from "#generated/constants.ts";
import { startFeatures, stopFeatures } from "#generated/program.ts";
import { listeners } from "#generated/tables.ts";
import { loadAddon } from "./addon.ts";
import { drain } from "./drain.ts";
import { logLine } from "./log.ts";
import { addressOf, type Server, startServer } from "./server.ts";

let stopping = false;

/** Opens the listeners and serves until a signal. @throws Error with an `exitCode` */
export async function serve(): Promise<void> {
  let server: Server | undefined;
  const onStop = (signal: NodeJS.Signals): void => {
    // A second signal, or one that comes before anything was served.
    if (stopping || server === undefined) process.exit(0);
    stopping = true;
    drain(server, signal);
  };
  process.on("SIGTERM", onStop);
  process.on("SIGINT", onStop);
  // There is nothing to reload in this build; without a handler the signal would end the process. SIGUSR1, which
  // would open Node's debugger, is blocked by an option compiled into the executable.
  process.on("SIGHUP", () => {});
  server = await startServer(loadAddon(CLIENT_HEAD_BYTES_MAX));
  if (STARTS_FEATURES) startFeatures();
  if (STOPS_FEATURES) process.once("exit", stopFeatures);
  for (const listener of listeners) logLine(`listening on ${addressOf(listener)} (${listener.name})`);
}
