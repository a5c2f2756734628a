/**
 * The listening sockets of the process that serves, in the one that it started beside itself. A listening socket that is
 * closed takes with it what the kernel is just then putting into its queue, so it is not closed: both processes have the
 * same socket, and the kernel never sees it go.
 *
 * uWebSockets.js listens on sockets that it opens itself, and on no other. So it opens one, which is then exchanged
 * under its hands for the inherited one, by the number that it knows it by:
 *
 * ```
 *   uWebSockets.js:  listen(127.0.0.1:0) ──▶ n, the lowest free number; libuv notes who watches n
 *   close(n)         n is the lowest free number again
 *   the inherited socket goes to the other process and comes back over a unix socket: the kernel gives it number n
 *   listen(n)        through libuv, which has the kernel watch n, and tells the one who watches n: uWebSockets.js
 * ```
 *
 * Nothing else may open anything between the second and the third step: this process does not serve before all are there.
 */

import { closeSync, openSync } from "node:fs";
import { type ListenSocket, listenAnywhere, nextDescriptor, openShared } from "../listen.ts";
import { afterPoll } from "../timers.ts";
import type { Order, Report } from "./messages.ts";

/** Names the addresses of the sockets that a process has inherited, in the order of their numbers. */
const LISTENERS = "HARDWIRE_LISTENERS";
/** After standard input, output, error, and the channel. */
const FIRST_DESCRIPTOR = 4;
/** What uSockets asks for; the kernel makes it less where `somaxconn` is. */
const BACKLOG = 512;
/** The kind of a TCP handle that listens. */
const SERVER = 1;

/** Node's own handle of a TCP socket. */
interface Handle {
  readonly fd: number;
  open(descriptor: number): number;
  listen(backlog: number): number;
  getsockname(into: { port?: number }): number;
  unref(): void;
  close(): void;
}

type Sendable = Parameters<NonNullable<typeof process.send>>[1];

/** For the start of a process that is to have the sockets. */
export function passOn(sockets: readonly ListenSocket[]): { descriptors: number[]; env: Record<string, string> } {
  const passed = sockets.filter(({ address, socket }) => socket !== false && !address.startsWith("unix:"));
  return {
    descriptors: passed.map(({ descriptor }) => descriptor),
    env: { [LISTENERS]: passed.map(({ address }) => address).join(" ") },
  };
}

/** Opens all, those that were inherited and the rest. @throws Error with an `exitCode` */
export async function takeOver(sockets: readonly ListenSocket[]): Promise<void> {
  const begins: (() => Promise<void> | void)[] = [];
  for (const each of sockets) {
    const handle = inherited(each);
    begins.push(handle === undefined ? () => openShared(each) : await put(each, handle));
  }
  // A connection that came before would take a number that an inherited socket is to have.
  for (const begin of begins) await begin();
  for (const [index, address] of inheritedAddresses().entries()) {
    if (!sockets.some((each) => each.address === address)) closeSync(FIRST_DESCRIPTOR + index);
  }
}

/** Puts the inherited socket into the place of one of uWebSockets.js's own. @returns what lets it accept */
async function put(each: ListenSocket, handle: Handle): Promise<() => void> {
  const { address, app } = each;
  const descriptor = nextDescriptor();
  each.socket = listenAnywhere(app);
  if (each.socket === false) throw unfit(address, "no port is free on 127.0.0.1");
  each.descriptor = descriptor;
  // From then on it is watched by the kernel, too.
  await new Promise<void>(afterPoll);
  const fillers = fillBelow(descriptor);
  closeSync(descriptor);
  const returned = await sendRoundTrip(handle);
  for (const filler of fillers) closeSync(filler);
  handle.close();
  if (returned.fd !== descriptor) throw unfit(address, `it has number ${returned.fd} instead of ${descriptor}`);
  return () => {
    const error = returned.listen(BACKLOG);
    if (error !== 0) throw unfit(address, `error ${error}`);
    // It is never closed: uWebSockets.js closes its number.
    returned.unref();
  };
}

function inheritedAddresses(): string[] {
  return (process.env[LISTENERS] ?? "").split(" ").filter(Boolean);
}

function inherited({ address, listener: { port } }: ListenSocket): Handle | undefined {
  const index = inheritedAddresses().indexOf(address);
  if (index === -1) return undefined;
  const { TCP } = (process as unknown as { binding(name: string): { TCP: new (kind: number) => Handle } }).binding(
    "tcp_wrap",
  );
  const handle = new TCP(SERVER);
  const name: { port?: number } = {};
  const error = handle.open(FIRST_DESCRIPTOR + index) || handle.getsockname(name);
  if (error !== 0 || name.port !== port) throw unfit(address, `error ${error}, port ${name.port}`);
  return handle;
}

/** Opens something under every free number below. @returns the numbers */
function fillBelow(descriptor: number): number[] {
  const opened: number[] = [];
  for (;;) {
    const next = openSync("/dev/null", "r");
    opened.push(next);
    if (next > descriptor) {
      closeSync(opened.pop()!);
      return opened;
    }
  }
}

/** The process that serves sends back what it gets, and keeps one, too (guardian.ts). */
function sendRoundTrip(handle: Handle): Promise<Handle> {
  return new Promise((resolve) => {
    process.once("message", (_: Order, returned: unknown) => resolve(returned as Handle));
    process.send!({ kind: "socket" } satisfies Report, handle as unknown as Sendable);
  });
}

function unfit(address: string, reason: string): Error {
  return Object.assign(new Error(`the socket of ${address} could not be taken over: ${reason}`), { exitCode: 71 });
}
