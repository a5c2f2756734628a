/**
 * Serving: boot; signals.ts has the way to the drain.
 *
 * ```
 * serve ──▶ credentials read ──▶ addon loaded ──▶ every listener open ──▶ serving ──TERM, INT──▶ draining ──nothing in flight──▶ exit 0
 *             │ 78                 │ 71, 73          │ 69, 71, 77                                   │ drain limit, second signal
 *             ▼                    ▼                 ▼                                              ▼
 *          one line, exit       one line, exit    one line, exit                              rest is cut, exit 0
 * ```
 */
import { CLIENT_HEAD_BYTES_MAX, HAS_CREDENTIALS, STARTS_FEATURES, STOPS_FEATURES } from "#generated/constants.ts";
import { startFeatures, stopFeatures } from "#generated/program.ts";
import { listeners } from "#generated/tables.ts";
import { loadAddon } from "./addon.ts";
import { readCredentials } from "./credentials.ts";
import { logLine } from "./log.ts";
import { addressOf, type Server, startServer } from "./server.ts";
import { handleSignals } from "./signals.ts";

/** Opens the listeners and serves until a signal. @throws Error with an `exitCode` */
export async function serve(): Promise<void> {
  let server: Server | undefined;
  handleSignals(() => server);
  if (HAS_CREDENTIALS) readCredentials();
  server = await startServer(loadAddon(CLIENT_HEAD_BYTES_MAX));
  if (STARTS_FEATURES) startFeatures();
  if (STOPS_FEATURES) process.once("exit", stopFeatures);
  for (const listener of listeners) logLine(`listening on ${addressOf(listener)} (${listener.name})`);
}
