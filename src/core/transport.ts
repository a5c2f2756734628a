/**
 * The socket of one upstream connection: connecting, reading into the slab, writing, closing. No HTTP, no pool.
 *
 * It works on the handles that node:net itself is made of, since nothing of what net's sockets and their streams add is
 * used here: they took about a fifth of our own processor time on a small request, and loading them 4 ms of each start. What is used of Node's inside: the classes of `tcp_wrap`, `pipe_wrap` and `stream_wrap`, in the way of net.js.
 * The runtime is pinned and packed with the program, so these are what the tests have seen.
 */
import { getSystemErrorName } from "node:util";
import { HAS_NAMES } from "#generated/constants.ts";
import type { Endpoint } from "#generated/tables.ts";
import { findAddresses } from "./resolve.ts";
import { readArea } from "./slab.ts";
import { addWalker, deadlineIn, hasPassed, soon } from "./timers.ts";

/** What a transport tells: all calls come out of the event loop, none out of a method of the transport. */
export interface TransportOwner {
  onConnected(): void;
  /** Bytes are in `readArea[0, bytes)` and gone when this returns. */
  onRead(bytes: number): void;
  /** Everything that was queued has reached the kernel. */
  onWritten(): void;
  /** The connection is gone, or never came about: a system error code, or "" after an orderly end by the peer. */
  onGone(error: string): void;
}

interface Request {
  oncomplete?: (status: number) => void;
}

interface Handle {
  onread: () => void;
  setNoDelay(on: boolean): number;
  connect(request: Request, address: string, port?: number): number;
  connect6(request: Request, address: string, port: number): number;
  useUserBuffer(buffer: Uint8Array): void;
  /** Fills in the address that the kernel has chosen on this side. */
  getsockname(into: { address?: string }): number;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: Request, bytes: Uint8Array): number;
  close(): void;
}

type RequestClass = new () => Request;
type HandleClass = new (kind: number) => Handle;

interface Bindings {
  tcp_wrap: { readonly TCP: HandleClass; readonly TCPConnectWrap: RequestClass };
  pipe_wrap: { readonly Pipe: HandleClass; readonly PipeConnectWrap: RequestClass };
  stream_wrap: {
    readonly WriteWrap: RequestClass;
    readonly streamBaseState: Int32Array;
    readonly kReadBytesOrError: number;
    readonly kLastWriteWasAsync: number;
  };
}

function bindingOf<Name extends keyof Bindings>(name: Name): Bindings[Name] {
  return (process as unknown as { binding(name: Name): Bindings[Name] }).binding(name);
}

const { TCP, TCPConnectWrap } = bindingOf("tcp_wrap");
const { Pipe, PipeConnectWrap } = bindingOf("pipe_wrap");
const { WriteWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = bindingOf("stream_wrap");
/** The kind of a handle that connects or is connected, of TCP and Pipe alike. */
const SOCKET = 0;
/** libuv's UV_EOF. */
const END = -4095;
/** A name's next address is tried after this long; node:net waits as long (RFC 8305 5 has 250 ms as its default). */
const NEXT_ADDRESS_MS = 250;

/** Not taken by the runtime unless a write has to wait, so one serves all until then. */
let spare = new WriteWrap();

/** Those whose next address may come before the present one has answered. */
const trying = new Set<Transport>();
if (HAS_NAMES) {
  addWalker(() => {
    for (const transport of trying) transport.hurry();
    return trying.size > 0;
  });
}

export class Transport {
  private readonly owner: TransportOwner;
  /** The one that is connected, or the latest that tries to; null before and after. */
  handle: Handle | null = null;
  private isClosed = false;
  private queued = 0;
  private readonly written = (status: number) => {
    this.queued -= 1;
    if (status < 0) this.end(status);
    else if (this.queued === 0 && !this.isClosed) this.owner.onWritten();
  };

  /** Of a name, those that were not tried yet, in their order. */
  private addresses: readonly string[] = [];
  private readonly port: number;
  private nextDeadlineMs = 0;

  /** Connects at once. @param isName whether the endpoint's host has to be resolved */
  constructor({ host, port, socketPath }: Endpoint, isName: boolean, owner: TransportOwner) {
    this.owner = owner;
    this.port = port;
    if (socketPath !== "") this.openPath(socketPath);
    else if (HAS_NAMES && isName) {
      findAddresses(host, (error, addresses) => {
        if (this.isClosed) return;
        this.addresses = addresses;
        if (error === "") this.openNext();
        else soon(() => this.tell(error));
      });
    } else this.openAddress(host);
  }

  /** Tries a name's addresses, each as soon as the one before was refused or has not answered in time. */
  private openNext(): void {
    const [address = "", ...others] = this.addresses;
    this.addresses = others;
    this.nextDeadlineMs = deadlineIn(NEXT_ADDRESS_MS);
    if (others.length > 0) trying.add(this);
    else trying.delete(this);
    this.handle?.close();
    this.openAddress(address);
  }

  /** Every tick, for one that tries the first of several addresses. */
  hurry(): void {
    if (hasPassed(this.nextDeadlineMs)) this.openNext();
  }

  private openAddress(address: string): void {
    const { port } = this;
    const handle = new TCP(SOCKET);
    const request = new TCPConnectWrap();
    handle.setNoDelay(true);
    const isV6 = address.includes(":");
    const status = isV6 ? handle.connect6(request, address, port) : handle.connect(request, address, port);
    this.await(handle, request, status);
  }

  private openPath(path: string): void {
    const handle = new Pipe(SOCKET);
    const request = new PipeConnectWrap();
    this.await(handle, request, handle.connect(request, path));
  }

  /** @param status negative if it failed at once */
  private await(handle: Handle, request: Request, status: number): void {
    this.handle = handle;
    const settle = (outcome: number): void => {
      // Closed, or given up for the next address.
      if (this.handle !== handle) return;
      if (HAS_NAMES) trying.delete(this);
      if (outcome === 0) this.begin(handle);
      else if (this.addresses.length > 0) this.openNext();
      else this.end(outcome);
    };
    request.oncomplete = settle;
    if (status !== 0) soon(() => settle(status));
  }

  private begin(handle: Handle): void {
    const { owner } = this;
    handle.onread = () => {
      const bytes = streamBaseState[kReadBytesOrError]!;
      if (bytes > 0) owner.onRead(bytes);
      else if (bytes < 0) this.end(bytes);
    };
    handle.useUserBuffer(readArea);
    handle.readStart();
    owner.onConnected();
  }

  /**
   * Writes at once as far as the kernel takes it; to be called only while connected.
   * @returns whether it took all; if not, `bytes` must stay as they are until `onWritten`
   */
  write(bytes: Uint8Array): boolean {
    const status = this.handle!.writeBuffer(spare, bytes);
    if (status !== 0) {
      soon(() => this.end(status));
      return true;
    }
    if (streamBaseState[kLastWriteWasAsync] === 0) return true;
    spare.oncomplete = this.written;
    spare = new WriteWrap();
    this.queued += 1;
    return false;
  }

  /** Whether all that was written has reached the kernel. */
  get isWritten(): boolean {
    return this.queued === 0;
  }

  pauseReading(): void {
    this.handle?.readStop();
  }

  resumeReading(): void {
    this.handle?.readStart();
  }

  close(): void {
    this.isClosed = true;
    if (HAS_NAMES) trying.delete(this);
    this.handle?.close();
    this.handle = null;
  }

  private end(status: number): void {
    this.tell(status === END ? "" : getSystemErrorName(status));
  }

  private tell(error: string): void {
    if (!this.isClosed) this.owner.onGone(error);
  }
}
