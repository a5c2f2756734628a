/**
 * What the device program does at a signal. Routes never change in a running process; SIGPIPE is ignored by Node.js.
 *
 * Installed before anything else that serving does: until then SIGUSR1 is Node's (build/node-options.ts), and the others
 * end the process, as they may while nothing is served.
 */
import { HAS_CREDENTIALS, HAS_SERVICE, HAS_UPDATE } from "#generated/constants.ts";
import { reloadCredentials } from "./credentials.ts";
import { drain } from "./drain.ts";
import { exchangesInFlight } from "./exchange.ts";
import { logLine } from "./log.ts";
import { tellRemark, tellStopping } from "./notify.ts";
import type { Server } from "./server.ts";
import { logStatistics } from "./statistics.ts";
import { beginTakeover, stopOthers } from "./upgrade/takeover.ts";

let stopping = false;

/** @param serving the server once its listeners are open */
export function handleSignals(serving: () => Server | undefined): void {
  const onStop = (signal: NodeJS.Signals): void => {
    const server = serving();
    // A second signal, or one that comes before anything was served.
    if (stopping || server === undefined) process.exit(0);
    stopping = true;
    if (HAS_SERVICE) tellStopping();
    if (HAS_UPDATE) stopOthers();
    drain(server, signal);
  };
  process.on("SIGTERM", onStop);
  process.on("SIGINT", onStop);
  process.on("SIGQUIT", () => {
    logLine(`SIGQUIT: ending at once, ${exchangesInFlight()} cut`);
    process.exit(0);
  });
  process.on("SIGHUP", () => {
    if (!HAS_CREDENTIALS) logLine("SIGHUP: nothing to reload, this build uses no credentials");
    else if (serving() !== undefined) {
      const outcome = reloadCredentials();
      if (HAS_SERVICE) tellRemark(outcome);
    }
  });
  process.on("SIGUSR1", logStatistics);
  if (HAS_UPDATE) process.on("SIGUSR2", beginTakeover);
}
