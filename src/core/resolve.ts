/**
 * Names of endpoints: resolved when a connection is first wanted, again after a fixed period, and again after a
 * connection failed. The last addresses that were found are used for as long as the resolver does not answer, so a
 * device whose resolver is down serves what it can.
 *
 * Several connections that want the same name share one question, so a resolver that hangs holds one thread.
 */
import { lookup as ask, type LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import { nowMs } from "./timers.ts";

/** As long as a name's addresses are taken for good; the usual time-to-live of names that move. */
const PERIOD_MS = 30_000;

/** A resolver that failed is not asked more often than this. */
const RETRY_MS = 1000;

interface Name {
  addresses: LookupAddress[];
  /** Raised when the addresses have changed: connections to the old ones are not reused. */
  generation: number;
  /** In the clock of timers.ts; asked again after that. */
  freshUntilMs: number;
  waiting: ((error: NodeJS.ErrnoException | null) => void)[];
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

/** For `net.connect`: the addresses of a name, from memory while they are fresh. */
export const lookup: LookupFunction = (host, options, callback) => {
  const name = nameOf(host);
  const answer = (error: NodeJS.ErrnoException | null): void => {
    // Without a new answer the last good one stands.
    const [first] = name.addresses;
    if (first === undefined) callback(error ?? makeNotFound(host), "", 0);
    else if (options.all === true) callback(null, name.addresses);
    else callback(null, first.address, first.family);
  };
  if (nowMs < name.freshUntilMs) answer(null);
  else refresh(host, name, answer);
};

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

function refresh(host: string, name: Name, then: (error: NodeJS.ErrnoException | null) => void): void {
  name.waiting.push(then);
  if (name.waiting.length > 1) return;
  ask(host, { all: true }, (error, addresses) => {
    if (error === null) {
      if (!isSame(name.addresses, addresses)) name.generation += 1;
      name.addresses = addresses;
    }
    name.freshUntilMs = nowMs + (error === null ? PERIOD_MS : RETRY_MS);
    const { waiting } = name;
    name.waiting = [];
    for (const answer of waiting) answer(error);
  });
}

/** Resolvers give the same addresses in changing order. */
function isSame(old: readonly LookupAddress[], found: readonly LookupAddress[]): boolean {
  return old.length === found.length && found.every(({ address }) => old.some((known) => known.address === address));
}

function makeNotFound(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`no address for ${host}`), { code: "ENOTFOUND" });
}
