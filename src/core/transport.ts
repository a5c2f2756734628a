/**
 * The socket of one upstream connection. node:net opens and closes it and knows its errors; bytes go past its streams,
 * straight to and from the handle below them, which is a fifth of our own processor time on a small request.
 *
 * What is used of Node's inside: `handle.onread` with the user's buffer, `handle.writeBuffer` and `stream_wrap`'s
 * WriteWrap and state array, just as node:net itself uses them. The runtime is pinned and packed with the program, and
 * `openTransport` refuses to work with one that is shaped otherwise.
 */
import { connect, type Socket, type TcpNetConnectOpts } from "node:net";
import { getSystemErrorName } from "node:util";
import { readArea } from "./slab.ts";

/** What a transport tells: all calls come out of the event loop, none out of a method of the transport. */
export interface TransportOwner {
  onConnected(): void;
  /** Bytes are in `readArea[0, bytes)` and gone when this returns. */
  onRead(bytes: number): void;
  /** Everything that was queued has reached the kernel. */
  onWritten(): void;
  /** The connection is gone: a system error code, or "" after an orderly end by the peer. */
  onGone(error: string): void;
}

interface WriteWrap {
  oncomplete?: (status: number) => void;
}

interface Handle {
  onread: (this: Handle, arrayBuffer: ArrayBuffer | undefined) => void;
  writeBuffer(request: WriteWrap, bytes: Uint8Array): number;
}

interface StreamWrap {
  readonly WriteWrap: new () => WriteWrap;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

const { WriteWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = (
  process as unknown as { binding(name: string): StreamWrap }
).binding("stream_wrap");

/** Not taken by the runtime unless a write has to wait, so one serves all until then. */
let spare = new WriteWrap();

export class Transport {
  private readonly socket: Socket;
  private readonly owner: TransportOwner;
  /** Null until connected. */
  private handle: Handle | null = null;
  private queued = 0;
  private readonly written = (status: number) => {
    if (status < 0) this.fail(status);
    this.queued -= 1;
    if (this.queued === 0 && !this.socket.destroyed) this.owner.onWritten();
  };

  constructor(options: Partial<TcpNetConnectOpts> & { path?: string }, owner: TransportOwner) {
    this.owner = owner;
    this.socket = connect({
      ...(options as TcpNetConnectOpts),
      noDelay: true,
      // The reads that node:net itself makes go nowhere else either; after `connect` they come to us.
      onread: { buffer: readArea, callback: () => true },
    });
    this.socket.on("connect", () => {
      this.takeHandle();
      owner.onConnected();
    });
    this.socket.on("end", () => owner.onGone(""));
    this.socket.on("error", (error: NodeJS.ErrnoException) => owner.onGone(error.code ?? "EIO"));
    this.socket.on("close", () => owner.onGone("ECONNRESET"));
  }

  /** Bytes come to us, errors and the end still to node:net. Reading starts after `connect`, so nothing is missed. */
  private takeHandle(): void {
    const { owner } = this;
    const handle = (this.socket as unknown as { _handle: Handle })._handle;
    const onread = handle.onread;
    handle.onread = (arrayBuffer) => {
      const bytes = streamBaseState[kReadBytesOrError]!;
      if (bytes > 0) owner.onRead(bytes);
      else onread.call(handle, arrayBuffer);
    };
    this.handle = handle;
  }

  /**
   * Writes at once as far as the kernel takes it; to be called only while connected.
   * @returns whether it took all; if not, `bytes` must stay as they are until `onWritten`
   */
  write(bytes: Uint8Array): boolean {
    const error = this.handle!.writeBuffer(spare, bytes);
    if (error !== 0) {
      this.fail(error);
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

  private fail(error: number): void {
    const name = getSystemErrorName(error);
    this.socket.destroy(Object.assign(new Error(name), { code: name }));
  }

  pauseReading(): void {
    this.socket.pause();
  }

  resumeReading(): void {
    this.socket.resume();
  }

  close(): void {
    this.socket.destroy();
  }
}
