/**
 * Names of endpoints: resolved when a connection is first wanted, again after a fixed period, and again after a
 * connection failed. The last addresses that were found are used for as long as the resolver does not answer, so a
 * device whose resolver is down serves what it can.
 *
 * Several connections that want the same name share one question, so a resolver that hangs holds one thread.
 */
import { lookup as ask } from "node:dns";
import { nowMs } from "./timers.ts";

/** As long as a name's addresses are taken for good; the usual time-to-live of names that move. */
const PERIOD_MS = 30_000;

/** A resolver that failed is not asked more often than this. */
const RETRY_MS = 1000;

interface Name {
  addresses: readonly string[];
  /** Raised when the addresses have changed: connections to the old ones are not reused. */
  generation: number;
  /** In the clock of timers.ts; asked again after that. */
  freshUntilMs: number;
  waiting: ((error: string) => void)[];
}

const names = new Map<string, Name>();

function nameOf(host: string): Name {
  let name = names.get(host);
  if (name === undefined) {
    // getaddrinfo blocks a thread, and the process cannot end before that thread does: a resolver that keeps silent is
    // given up after some seconds, unless the environment says otherwise (resolv.conf(5)).
    process.env.RES_OPTIONS ??= "timeout:1 attempts:2";
    name = { addresses: [], generation: 0, freshUntilMs: 0, waiting: [] };
    names.set(host, name);
  }
  return name;
}

/** The addresses of a name, from memory while they are fresh; or an error code of getaddrinfo's. */
export function findAddresses(host: string, then: (error: string, addresses: readonly string[]) => void): void {
  const name = nameOf(host);
  const answer = (error: string): void => {
    // Without a new answer the last good one stands.
    then(name.addresses.length > 0 ? "" : error || "ENOTFOUND", name.addresses);
  };
  if (nowMs < name.freshUntilMs) answer("");
  else refresh(host, name, answer);
}

/** A connection to the name failed: it is asked for again before the next one, but not in a storm. */
export function doubtName(host: string): void {
  const name = nameOf(host);
  name.freshUntilMs = Math.min(name.freshUntilMs, nowMs + RETRY_MS);
}

/** Changes whenever the name has moved; also asks again, in the background, when it is time to. */
export function generationOf(host: string): number {
  const name = nameOf(host);
  if (nowMs >= name.freshUntilMs && name.waiting.length === 0) refresh(host, name, () => {});
  return name.generation;
}

function refresh(host: string, name: Name, then: (error: string) => void): void {
  name.waiting.push(then);
  if (name.waiting.length > 1) return;
  ask(host, { all: true }, (error, found) => {
    if (error === null) {
      const addresses = found.map(({ address }) => address);
      if (!isSame(name.addresses, addresses)) name.generation += 1;
      name.addresses = addresses;
    }
    name.freshUntilMs = nowMs + (error === null ? PERIOD_MS : RETRY_MS);
    const { waiting } = name;
    name.waiting = [];
    for (const answer of waiting) answer(error?.code ?? "");
  });
}

/** Resolvers give the same addresses in changing order. */
function isSame(old: readonly string[], found: readonly string[]): boolean {
  return old.length === found.length && found.every((address) => old.includes(address));
}
