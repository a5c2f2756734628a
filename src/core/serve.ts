/**
 * Serving: boot; signals.ts has the way to the drain.
 *
 * ```
 * serve ──▶ addon loaded ──▶ credentials read ──▶ every listener open ──▶ serving ──TERM, INT──▶ draining ──▶ exit 0
 *             │ 71, 73          │ 78                  │ 69, 71, 77                                  │ drain limit,
 *             ▼                 ▼                     ▼                                             ▼ second signal
 *          one line, exit    one line, exit        one line, exit                               rest is cut, exit 0
 * ```
 */
import {
  CLIENT_HEAD_BYTES_MAX,
  HAS_CREDENTIALS,
  HAS_SERVICE,
  HAS_UPDATE,
  MEMORY_BYTES,
  STARTS_FEATURES,
  STOPS_FEATURES,
} from "#generated/constants.ts";
import { startFeatures, stopFeatures } from "#generated/program.ts";
import { listeners } from "#generated/tables.ts";
import { loadAddon } from "./addon.ts";
import { readCredentials } from "./credentials.ts";
import { addressOf } from "./listen.ts";
import { logLine } from "./log.ts";
import { refuseSmallMachine } from "./machine.ts";
import { beginService } from "./notify.ts";
import { type Server, startServer } from "./server.ts";
import { handleSignals } from "./signals.ts";
import { isBeside, prove } from "./upgrade/beside.ts";
import { joinUpgrades } from "./upgrade/takeover.ts";

/** Opens the listeners and serves until a signal. @throws Error with an `exitCode` */
export async function serve(): Promise<void> {
  let server: Server | undefined;
  handleSignals(() => server);
  if (MEMORY_BYTES > 0) refuseSmallMachine(MEMORY_BYTES);
  const addon = loadAddon(CLIENT_HEAD_BYTES_MAX);
  if (HAS_UPDATE && isBeside) await prove(addon);
  // Only now: tests ask for what the routes file says, and show what they got.
  if (HAS_CREDENTIALS) readCredentials();
  server = await startServer(addon, HAS_UPDATE && isBeside);
  if (STARTS_FEATURES) startFeatures();
  if (STOPS_FEATURES) process.once("exit", stopFeatures);
  for (const listener of listeners) logLine(`listening on ${addressOf(listener)} (${listener.name})`);
  if (HAS_SERVICE && !(HAS_UPDATE && isBeside)) beginService(false);
  if (HAS_UPDATE) joinUpgrades(server);
}
