/** How many connections a plan can have open, which memory and descriptors both depend on. */
import type { PlannedUpstream } from "../plan.ts";

/** Connections to all endpoints together. */
export function connectionsTo(upstreams: readonly PlannedUpstream[]): number {
  return upstreams.reduce((sum, { endpoints, connectionsMax }) => sum + endpoints.length * connectionsMax, 0);
}

/** "64 to api, 2 × 16 to app" */
export function describeConnections(upstreams: readonly PlannedUpstream[]): string {
  const shown = upstreams
    .slice(0, 4)
    .map(
      ({ name, endpoints, connectionsMax }) =>
        `${endpoints.length === 1 ? "" : `${endpoints.length} × `}${connectionsMax} to ${name}`,
    );
  return shown.join(", ") + (upstreams.length > 4 ? `, and to ${upstreams.length - 4} more` : "");
}
