/**
 * health, on the device. Nothing is sent anywhere for an answer: what is known of the upstreams is what came of opening
 * connections to them for requests.
 *
 * An endpoint counts as down when the last try to open a connection to it failed, nothing is connected and idle, and the
 * try is less than KNOWN_MS ago. So under traffic the answer stands as long as tries fail and turns with the first that
 * does not; without traffic, which is what "not ready" may lead to, it turns by itself, so that somebody tries again.
 */

import { HAS_CREDENTIALS, TICK_MS } from "#generated/constants.ts";
import type { AdminAnswer, AdminRequest } from "../../core/admin.ts";
import { credentials } from "../../core/credentials.ts";
import { exchangesInFlight } from "../../core/exchange.ts";
import { DOWN_MS, type EndpointPool, type UpstreamPool } from "../../core/pool.ts";
import { draining, pools } from "../../core/proxy.ts";
import { isListening } from "../../core/server.ts";

const KNOWN_MS = 10_000;

interface Check {
  readonly name: string;
  /** What is wrong; "" if nothing is. */
  readonly mistake: string;
}

/** That it is answered says it: the event loop turns, and a listener is open. */
export function tellLife(request: AdminRequest, _data: null): AdminAnswer {
  return answer(request, "livez", [{ name: "event loop", mistake: "" }]);
}

/** Whether a request that comes now is served. The admin listener opens last and closes last. */
export function tellReadiness(request: AdminRequest, _data: null): AdminAnswer {
  const mistake = draining ? `draining, ${exchangesInFlight()} in flight` : isListening ? "" : "closed";
  const checks: Check[] = [{ name: "listeners", mistake }];
  // Without them the program would have ended before it listened.
  if (HAS_CREDENTIALS) checks.push({ name: `credentials (${credentials.length})`, mistake: "" });
  for (const pool of pools) checks.push(checkUpstream(pool));
  return answer(request, "readyz", checks);
}

function checkUpstream({ upstream, endpoints }: UpstreamPool): Check {
  const name = `upstream ${upstream.name}`;
  const now = performance.now();
  const failed = endpoints.map((endpoint) => failedSinceMs(endpoint, now));
  if (failed.some((ms) => ms === -1)) return { name, mistake: "" };
  const last = Math.floor(Math.min(...failed) / 1000);
  const which = endpoints.length === 1 ? "its endpoint" : `any of its ${endpoints.length} endpoints`;
  return { name, mistake: `no connection to ${which}, last tried ${last} s ago` };
}

/** How long ago the last try failed, or -1 if the endpoint is not known to be down. */
function failedSinceMs({ downUntilMs, idle }: EndpointPool, now: number): number {
  if (downUntilMs === 0 || idle.length > 0) return -1;
  const sinceMs = Math.max(0, now - (downUntilMs - DOWN_MS - TICK_MS));
  return sinceMs < KNOWN_MS ? sinceMs : -1;
}

/** One line for each check as Kubernetes writes them, or JSON for those who ask. */
function answer({ accept, query }: AdminRequest, page: string, checks: readonly Check[]): AdminAnswer {
  const ok = checks.every(({ mistake }) => mistake === "");
  const status = ok ? "200 OK" : "503 Service Unavailable";
  if (accept.includes("application/json") || /(?:^|&)format=json(?:&|$)/.test(query)) {
    const list = checks.map(({ name, mistake }) => ({ name, ok: mistake === "", ...(mistake && { mistake }) }));
    return { status, contentType: "application/json", body: `${JSON.stringify({ ok, checks: list })}\n` };
  }
  const lines = checks.map(({ name, mistake }) => (mistake === "" ? `[+]${name} ok` : `[-]${name}: ${mistake}`));
  const body = `${lines.join("\n")}\n${page} check ${ok ? "passed" : "failed"}\n`;
  return { status, contentType: "text/plain; charset=utf-8", body };
}
