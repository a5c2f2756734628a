/**
 * The most memory that a plan's executable can need, everything at its limit at once. A sum over what the core and the
 * features say of themselves; `Plan` in, data out.
 */
import { CLIENT_READ_BYTES } from "../addon/bound-reads.ts";
import type { Value } from "../feature.ts";
import type { Plan } from "../plan.ts";
import { ADMIN_CONNECTIONS_MAX } from "../schema/defaults.ts";
import { sizesOf } from "../sizes.ts";
import { connectionsTo, describeConnections } from "./counts.ts";
import { heapLimitOf, YOUNG_MIB } from "./heap.ts";
import * as measured from "./measured.ts";
import { type Budget, budgetOf, type MemoryTerm, showBytes, sumOf } from "./term.ts";

const PAGE_BYTES = 4096;
const MIB = 1 << 20;

/** What the core itself adds to an answer's head. */
const CORE_ADDED_BYTES = 256;
/** WHOLE_BYTES_MAX of src/core/proxy.ts: answers that are handed over at once. */
const WHOLE_BYTES = 20 << 10;
/** A window's room for framing, before and after. */
const FRAMING_BYTES = 32;
/** Heads of one connection and one turn, with pipelining (src/core/connection.ts). */
const BATCH_BYTES = 32 << 10;

export function memoryBudget(plan: Plan): Budget<MemoryTerm> {
  const own = [...privateTerms(plan), ...tableTerms(plan)];
  const serving = [...own, ...kernelTerms(plan, sumOf(own)), ...fileTerms(plan)];
  return budgetOf([...serving, startTerm(sumOf(serving))], plan.memory.budgetBytes);
}

function privateTerms(plan: Plan): MemoryTerm[] {
  const { limits, upstreams } = plan;
  const { requestHeadBytes, answerHeadAddedBytes, windowsMax } = sizesOf(plan);
  const heap = heapLimitOf(plan);
  const { readBytes } = limits;
  const windowBytes = roundToPages(Math.max(requestHeadBytes + FRAMING_BYTES + CLIENT_READ_BYTES, readBytes));
  const slabBytes = 2 * limits.responseHeadBytesMax + answerHeadAddedBytes + CORE_ADDED_BYTES + readBytes;
  const unreadBytes = Math.max(WHOLE_BYTES, largestReplyBytes(plan)) + answerHeadAddedBytes + CORE_ADDED_BYTES;
  const connections = connectionsTo(upstreams);
  const pipelined = connectionsTo(upstreams.filter(({ pipelining }) => pipelining > 1));
  const term = (name: string, amount: number, formula: string, setting?: string): MemoryTerm => ({
    place: "private",
    name,
    amount: Math.ceil(amount),
    formula,
    ...(setting !== undefined && { setting }),
  });
  const times = (count: number, bytes: number, what: string) => `${count} × ${showBytes(bytes)}: ${what}`;
  return [
    term("runtime", measured.RUNTIME_BYTES[plan.target], "Node, V8 and libuv outside of V8's heap; measured"),
    {
      ...term(
        "V8's heap",
        (heap.oldMib + YOUNG_MIB) * MIB,
        heap.isSet
          ? "as memory.heap says"
          : `its limit: live ${showBytes(sumOf(heap.live))}, a quarter more and 6 MiB for garbage, ${YOUNG_MIB} MiB young`,
        "memory.heap",
      ),
      parts: heap.live,
    },
    term(
      "request heads",
      limits.exchangesMax * requestHeadBytes,
      times(limits.exchangesMax, requestHeadBytes, "a buffer for each request in flight"),
      "limits.in_flight, limits.header_bytes",
    ),
    term(
      "body windows",
      windowsMax * windowBytes,
      times(windowsMax, windowBytes, "a read, for bodies that wait; two for each request in flight, 256 at most"),
      "limits.in_flight",
    ),
    term("slab", slabBytes, "the one read buffer of all upstream connections, and answer heads"),
    term(
      "answers in chunks",
      limits.exchangesMax * readBytes,
      times(limits.exchangesMax, readBytes, "one read each, which a slow client has not taken"),
      "limits.in_flight",
    ),
    term(
      "client connections",
      limits.connectionsMax * measured.CLIENT_CONNECTION_BYTES,
      times(limits.connectionsMax, measured.CLIENT_CONNECTION_BYTES, "uWebSockets.js's state"),
      "limits.connections",
    ),
    term(
      "clients' unfinished heads",
      limits.connectionsMax * limits.clientHeadBytesMax,
      times(limits.connectionsMax, limits.clientHeadBytesMax, "the pieces that have come"),
      "limits.connections, limits.header_bytes",
    ),
    term(
      "clients' unread answers",
      limits.connectionsMax * unreadBytes,
      times(
        limits.connectionsMax,
        unreadBytes,
        "the largest that is handed over at once, if the kernel takes none of it",
      ),
      "limits.connections",
    ),
    term(
      "upstream connections",
      connections * measured.UPSTREAM_CONNECTION_BYTES,
      times(connections, measured.UPSTREAM_CONNECTION_BYTES, describeConnections(upstreams)),
      "upstreams.*.connections.max",
    ),
    term(
      "pipelined heads",
      pipelined === 0 ? 0 : (pipelined + 1) * BATCH_BYTES,
      times(pipelined + 1, BATCH_BYTES, "one being filled, and one for each connection that takes its time"),
      "upstreams.*.connections.max",
    ),
    term(
      "routes",
      plan.routes.length * measured.ROUTE_BYTES,
      times(plan.routes.length, measured.ROUTE_BYTES, "compiling them"),
    ),
  ];
}

/** Of the features' fixed answers, which are handed over at once whatever their size. */
function largestReplyBytes({ routes }: Plan): number {
  const sizes = routes.flatMap(({ uses }) =>
    [...uses.values()].flatMap(({ phases }) => Object.values(phases).map(({ data }) => replyBytes(data))),
  );
  return sizes.reduce((most, bytes) => Math.max(most, bytes), 0);
}

function replyBytes(value: Value): number {
  if (value === null || typeof value !== "object") return 0;
  if ("kind" in value && value.kind === "reply") return Buffer.byteLength(JSON.stringify(value));
  return Object.values(value).reduce((most: number, inner) => Math.max(most, replyBytes(inner)), 0);
}

/** Those in V8's heap are parts of its limit. */
function tableTerms({ tables }: Plan): MemoryTerm[] {
  return tables
    .filter(({ isInHeap }) => !isInHeap)
    .map(({ name, bytes, formula }) => ({ place: "private", name, amount: bytes, formula }));
}

function kernelTerms(plan: Plan, privateBytes: number): MemoryTerm[] {
  const sockets =
    plan.limits.connectionsMax +
    connectionsTo(plan.upstreams) +
    plan.listeners.length +
    plan.adminListeners.length * (1 + ADMIN_CONNECTIONS_MAX);
  return [
    {
      place: "kernel",
      name: "kernel: process",
      amount: measured.KERNEL_BASE_BYTES + Math.ceil(privateBytes / 512),
      formula: "stacks, poll sets, page tables: 2 MiB and 1/512 of the private memory",
    },
    {
      place: "kernel",
      name: "signs of life",
      amount: plan.service === undefined ? 0 : measured.NOTIFY_BYTES,
      formula: "one systemd-notify at a time, another process that is in the same service",
    },
    {
      place: "kernel",
      name: "kernel: sockets",
      amount: sockets * measured.KERNEL_SOCKET_BYTES,
      formula: `${sockets} × ${showBytes(measured.KERNEL_SOCKET_BYTES)}: of clients, upstreams and listeners`,
      setting: "limits.connections, upstreams.*.connections.max",
    },
    {
      place: "kernel",
      name: "kernel: socket buffers",
      amount: sockets * measured.KERNEL_BUFFER_BYTES,
      formula: `${sockets} × ${showBytes(measured.KERNEL_BUFFER_BYTES)}: what each keeps when memory is short; net.ipv4.tcp_rmem and tcp_wmem allow more while it is not`,
      setting: "limits.connections, upstreams.*.connections.max",
    },
  ];
}

function fileTerms({ target }: Plan): MemoryTerm[] {
  return [
    {
      place: "files",
      name: "files: network library",
      amount: measured.LIBRARY_BYTES[target],
      formula: "its copy, which is memory where the folder it is loaded from is a tmpfs",
    },
    {
      place: "files",
      name: "files: executable",
      amount: measured.EXECUTABLE_BYTES,
      formula: "the pages of it that serving needs; the kernel drops the others when memory is short",
    },
  ];
}

/** While it starts it needs more of its files, and little else. */
function startTerm(servingBytes: number): MemoryTerm {
  return {
    place: "files",
    name: "files: start",
    amount: Math.max(0, measured.START_BYTES - servingBytes),
    formula: `what starting needs beyond serving: ${showBytes(measured.START_BYTES)} in all`,
  };
}

function roundToPages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}
