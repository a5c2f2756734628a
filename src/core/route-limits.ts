/**
 * Limits of single routes, tighter than the device's: path and query, number of fields, requests in flight. A route
 * without one has the largest number there is in the tables.
 */
import { routeFieldsMax, routeInFlightMax, routeUriBytesMax } from "#generated/tables.ts";
import type { Exchange } from "./exchange.ts";
import { FIELDS_TOO_LARGE, OVERLOADED, TARGET_TOO_LONG } from "./fault.ts";

const inFlight = new Uint32Array(routeInFlightMax.length);

/** 0, and the exchange counts until `leaveRoute`; or the fault to answer with. */
export function enterRoute(x: Exchange, uriBytes: number, fields: number): number {
  const { route } = x;
  if (uriBytes > routeUriBytesMax[route]!) return TARGET_TOO_LONG;
  if (fields > routeFieldsMax[route]!) return FIELDS_TOO_LARGE;
  if (inFlight[route]! >= routeInFlightMax[route]!) return OVERLOADED;
  inFlight[route]! += 1;
  x.isCounted = true;
  return 0;
}

/** To be called once for every exchange, with its route still known. */
export function leaveRoute(x: Exchange): void {
  if (x.isCounted) inFlight[x.route]! -= 1;
}
