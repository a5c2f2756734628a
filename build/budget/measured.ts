/**
 * What was measured of the packed runtime and its libraries, and is not a consequence of any setting. Each figure is
 * the largest seen, with room; test/e2e/budget.test.ts drives a binary to its limits and fails if the sum was too small.
 *
 * Node 24.21 and uWebSockets.js as pinned, Linux 6.18, 4 KiB pages, x64. On arm64 the same code was not measured on a
 * machine of its own; its figure is x64's and a quarter. Kernels with pages of 16 or 64 KiB need more.
 */
import type { Target } from "../pins.ts";

const KIB = 1 << 10;
const MIB = 1 << 20;

/** Private memory outside of V8's heap once warm: 4.6 to 5.9 MB of 9.9 MB idle, 13.2 MB after 60,000 requests. */
export const RUNTIME_BYTES: Readonly<Record<Target, number>> = {
  "linux-x64": 7 * MIB,
  "linux-arm64": 8.75 * MIB,
};

/** Live in V8's heap once all code has run: 5.7 MB with one route, of which the program itself is a tenth. */
export const HEAP_BASE_BYTES = 6 * MIB;
/** The pooled struct, its closures and its view of a head: 0.85 kB. */
export const HEAP_EXCHANGE_BYTES = KIB;
/** node:net's socket and our struct around it: 2 kB live, and what it leaves to collect. */
export const HEAP_UPSTREAM_CONNECTION_BYTES = 2.5 * KIB;
/** Names, tables, and the matcher's code: 10.8 MB for 10,000 routes. */
export const HEAP_ROUTE_BYTES = 1.25 * KIB;
/** For each byte of a text in the program: the source and its parsed form. */
export const HEAP_TEXT_FACTOR = 4;

/** libuv's handle, Node's wrapper of it, and the write that is on its way. */
export const UPSTREAM_CONNECTION_BYTES = 2 * KIB;
/** uSockets' socket and uWebSockets.js's state: 0.2 kB seen of 4,000, the allocator's rounding included. */
export const CLIENT_CONNECTION_BYTES = KIB;
/** What V8's parser and compiler leave in malloc's arena: 15 MB for 10,000 routes. */
export const ROUTE_BYTES = 1.75 * KIB;

/** Stacks of 6 threads, tables of the pages of runtime and libraries, poll sets: 1.1 MB idle. */
export const KERNEL_BASE_BYTES = 2 * MIB;
/** struct tcp_sock 2.4 kB, its inode, file, and entry in the poll set: 4.2 kB. */
export const KERNEL_SOCKET_BYTES = 4.5 * KIB;
/** The least that the kernel leaves every socket, both ways (tcp_rmem and tcp_wmem, first number). */
export const KERNEL_BUFFER_BYTES = 8 * KIB;

/** uWebSockets.js is loaded from a copy without a name: in memory where the folder is a tmpfs, else the kernel's cache. */
export const LIBRARY_BYTES: Readonly<Record<Target, number>> = {
  "linux-x64": 7 * MIB,
  "linux-arm64": 7 * MIB,
};
/**
 * Pages of the executable that serving needs again and again; the kernel drops the others when memory is short. In a
 * cgroup with 29 MiB for both files nothing had to be read again, with 25 MiB throughput fell to a quarter.
 */
export const EXECUTABLE_BYTES = 23 * MIB;
/** Below this, starting reads the same pages again and again: 56 MiB were enough with a cold cache, 54 took seconds. */
export const START_BYTES = 60 * MIB;

/** A systemd-notify: 1.4 MB, and the copy of the page tables that it begins as. */
export const NOTIFY_BYTES = 2 * MIB;

/** Standard streams, poll sets, wake-ups of Node's threads: 22 seen with one listener. */
export const BASE_DESCRIPTORS = 24;
/** Both ends of a connection to itself, and what is open while a program is started. */
export const SERVICE_DESCRIPTORS = 8;
/** While a build is started two pipes of both ends each, later one end; a file and a folder for a moment. */
export const UPDATE_DESCRIPTORS = 6;
/** getaddrinfo runs on 4 threads, each with a socket and a file. */
export const RESOLVING_DESCRIPTORS = 8;
