/**
 * Clients in a network of its own that ask without pause, each request's fate told: some keep their connection for
 * as long as they may, others open one for each request. Its argument is a `Load` as JSON; any message makes it answer
 * with what it has seen so far (a `Seen`); "stop" ends it before.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Client, get } from "../client.ts";
import { fieldOf } from "../message.ts";

export interface Load {
  readonly port: number;
  readonly path: string;
  /** Beside Host. */
  readonly fields?: readonly string[];
  /** Of an answer that is none of the failures; left out, 200. */
  readonly status?: number;
  readonly keepAlive: number;
  readonly oneRequest: number;
  /** Between an answer and the next request of a client. */
  readonly pauseMs: number;
}

export interface Seen {
  readonly requests: number;
  readonly connections: number;
  readonly failed: number;
  /**
   * How often each kind of failure was seen: "connecting: ECONNREFUSED", "asked first: ECONNRESET" (on a new connection,
   * which the kernel accepts before the gateway does), "asked again: ECONNRESET".
   */
  readonly failures: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const load = JSON.parse(process.argv[2]!) as Load;
const request = get(load.path, ...(load.fields ?? []));
const failures: Record<string, number> = {};
const tookMs: number[] = [];
let failed = 0;
let connections = 0;
let stopping = false;

/** Asks until the connection is to be closed. */
async function useConnection(isKept: boolean): Promise<void> {
  connections++;
  let state = "connecting";
  let client: Client | undefined;
  try {
    client = await Client.open(load.port);
    do {
      state = state === "connecting" ? "asked first" : "asked again";
      const sentMs = performance.now();
      const answer = await client.send(request).answer();
      tookMs.push(performance.now() - sentMs);
      if (answer.status !== (load.status ?? 200)) throw new Error(`answered ${answer.status}`);
      client.reader.taken = [];
      if (fieldOf(answer, "connection") === "close") break;
      if (load.pauseMs > 0) await sleep(load.pauseMs);
    } while (isKept && !stopping);
  } catch (error) {
    failed++;
    const { code, message } = error as Error & { code?: string };
    const kind = `${state}: ${code || message}`;
    failures[kind] = (failures[kind] ?? 0) + 1;
    await sleep(5);
  } finally {
    client?.close();
  }
}

async function keepAsking(isKept: boolean): Promise<void> {
  while (!stopping) {
    await useConnection(isKept);
    if (!isKept && load.pauseMs > 0) await sleep(load.pauseMs);
  }
}

function look(): Seen {
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  const requests = tookMs.length + failed;
  return { requests, connections, failed, failures, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: sorted.at(-1) ?? 0 };
}

const clients = [
  ...Array.from({ length: load.keepAlive }, () => keepAsking(true)),
  ...Array.from({ length: load.oneRequest }, () => keepAsking(false)),
];
process.on("disconnect", () => process.exit());
process.on("message", async (message) => {
  stopping ||= message === "stop";
  if (stopping) await Promise.all(clients);
  process.send!(look());
});
process.send!("ready");
