/**
 * V8's heap limit, which is compiled into the executable: what the plan can have live at once, and room for garbage
 * between two collections. Too small and V8 ends the process; too large and it collects later than the device can bear.
 */
import type { Plan } from "../plan.ts";
import { connectionsTo } from "./counts.ts";
import {
  HEAP_BASE_BYTES,
  HEAP_EXCHANGE_BYTES,
  HEAP_ROUTE_BYTES,
  HEAP_TEXT_FACTOR,
  HEAP_UPSTREAM_CONNECTION_BYTES,
} from "./measured.ts";
import { showBytes, sumOf, type Term } from "./term.ts";

const MIB = 1 << 20;

/** Two semi-spaces of 1 MiB and new large objects (`--max-semi-space-size=1` in node-options.ts). */
export const YOUNG_MIB = 3;
/** Of what is live, that much again may be garbage when V8 collects. */
const GARBAGE_SHARE = 0.25;
/** And never less than this, for the garbage of a burst. */
const GARBAGE_MIB = 6;

export interface HeapLimit {
  /** `--max-old-space-size`. */
  readonly oldMib: number;
  /** What may be live at once, largest first. */
  readonly live: readonly Term[];
  /** Whether the target's memory.heap set it. */
  readonly isSet: boolean;
}

/** The whole heap, young generation included, that the plan can need. */
export function neededHeapMib(plan: Plan): number {
  return Math.ceil((sumOf(liveTerms(plan)) * (1 + GARBAGE_SHARE)) / MIB) + GARBAGE_MIB + YOUNG_MIB;
}

export function heapLimitOf(plan: Plan): HeapLimit {
  const mib = plan.memory.heapMib ?? neededHeapMib(plan);
  return { oldMib: mib - YOUNG_MIB, live: liveTerms(plan), isSet: plan.memory.heapMib !== undefined };
}

function liveTerms(plan: Plan): Term[] {
  const { exchangesMax, targetBytesMax } = plan.limits;
  const connections = connectionsTo(plan.upstreams);
  const exchangeBytes = HEAP_EXCHANGE_BYTES + targetBytesMax + 512;
  const texts = plan.routes.reduce((sum, route) => sum + textBytes(route), 0);
  const terms: Term[] = [
    { name: "Node and the program", amount: HEAP_BASE_BYTES, formula: "measured" },
    {
      name: "requests in flight",
      amount: exchangesMax * exchangeBytes,
      formula: `${exchangesMax} × ${showBytes(exchangeBytes)}: a struct, and path, query and host as text`,
      setting: "limits.in_flight, limits.uri",
    },
    {
      name: "upstream connections",
      amount: connections * HEAP_UPSTREAM_CONNECTION_BYTES,
      formula: `${connections} × ${showBytes(HEAP_UPSTREAM_CONNECTION_BYTES)}`,
      setting: "upstreams.*.connections.max",
    },
    {
      name: "routes",
      amount: Math.ceil(plan.routes.length * HEAP_ROUTE_BYTES + texts * HEAP_TEXT_FACTOR),
      formula: `${plan.routes.length} × ${showBytes(HEAP_ROUTE_BYTES)} and ${HEAP_TEXT_FACTOR} × ${showBytes(texts)} of paths, hosts and fields`,
    },
    ...plan.tables
      .filter(({ isInHeap }) => isInHeap)
      .map(({ name, bytes, formula }) => ({ name, amount: bytes, formula })),
  ];
  return terms.filter(({ amount }) => amount > 0).sort((a, b) => b.amount - a.amount);
}

/** Of what a route says, as JSON: near enough to what the generated code says of it. */
function textBytes({ path, hosts, uses }: Plan["routes"][number]): number {
  return path.text.length + JSON.stringify([hosts ?? [], [...uses.values()]]).length;
}
