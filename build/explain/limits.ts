/** What limits what: in which order a gateway runs out of things, and what a client sees then. */
import { connectionsTo } from "../budget/counts.ts";
import type { Plan, PlannedUpstream } from "../plan.ts";
import { ADMIN_CONNECTIONS_MAX } from "../schema/defaults.ts";
import { sizesOf } from "../sizes.ts";

export interface LimitNote {
  readonly limit: string;
  readonly value: number;
  /** What happens to what is beyond it, and which other limit is reached first. */
  readonly text: string;
}

export function limitNotes(plan: Plan): LimitNote[] {
  const { connectionsMax, exchangesMax } = plan.limits;
  const { windowsMax } = sizesOf(plan);
  return [
    {
      limit: "limits.connections",
      value: connectionsMax,
      text:
        connectionsMax <= exchangesMax
          ? `a further client is closed; a connection has one request, so limits.in_flight, ${exchangesMax}, is never passed`
          : "a further client is closed at once",
    },
    {
      limit: "limits.in_flight",
      value: exchangesMax,
      text: "a further request gets 503 (overloaded)",
    },
    {
      limit: "body windows",
      value: windowsMax,
      text: `of limits.in_flight, ${exchangesMax}, two each and 256 at most; a further body that has to wait is cut, or gets 503`,
    },
    ...plan.adminListeners.map(({ name }) => ({
      limit: `listeners.${name}`,
      value: ADMIN_CONNECTIONS_MAX,
      text: "connections at once to this admin listener; a further one is closed at once",
    })),
    ...plan.upstreams.map((upstream) => upstreamNote(upstream, exchangesMax)),
  ];
}

function upstreamNote(upstream: PlannedUpstream, exchangesMax: number): LimitNote {
  const connections = connectionsTo([upstream]);
  const { name, pipelining, waitingMax } = upstream;
  const atOnce = connections * pipelining;
  const beyond =
    connections >= exchangesMax
      ? `limits.in_flight, ${exchangesMax}, is reached first, so nobody ever waits for one`
      : atOnce + waitingMax >= exchangesMax
        ? `then up to ${exchangesMax - atOnce} wait, until limits.in_flight, ${exchangesMax}, is reached`
        : `then ${waitingMax} may wait, and a further request gets 503 (upstream_busy)`;
  const shared = pipelining > 1 ? `${connections} connections of ${pipelining} requests that may share one; ` : "";
  return { limit: `upstreams.${name}.connections`, value: connections, text: shared + beyond };
}
