/**
 * Bytes of a socket, taken in the amounts a parser asks for. Every wait has a limit, so that a missing byte fails a
 * test instead of hanging it.
 */
import type { Socket } from "node:net";

const WAIT_MS = 15_000;

/** The peer closed before the bytes that were asked for had come. */
export class Ended extends Error {
  /** What had come of them. */
  readonly rest: Buffer;
  /** A system error code such as ECONNRESET, or "" after an orderly end. */
  readonly code: string;
  constructor(rest: Buffer, code: string) {
    super(
      `the connection ended ${code === "" ? "" : `(${code}) `}after ${JSON.stringify(rest.toString("latin1", 0, 200))}`,
    );
    this.rest = rest;
    this.code = code;
  }
}

export class Reader {
  private chunks: Buffer[] = [];
  private bytes = 0;
  private ended = false;
  private code = "";
  private wake: () => void = () => {};
  /** All bytes taken since this was last emptied. */
  taken: Buffer[] = [];
  readonly waitMs: number;

  constructor(socket: Socket, waitMs = WAIT_MS) {
    this.waitMs = waitMs;
    socket.on("data", (chunk) => {
      this.chunks.push(chunk);
      this.bytes += chunk.length;
      this.wake();
    });
    const end = (): void => {
      this.ended = true;
      this.wake();
    };
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.code = error.code ?? "EIO";
      end();
    });
    socket.on("end", end);
    socket.on("close", end);
  }

  /** Bytes that have come and were not taken. */
  get waiting(): number {
    return this.bytes;
  }

  /** Exactly `bytes` bytes. */
  async take(bytes: number): Promise<Buffer> {
    await this.until(() => this.bytes >= bytes);
    return this.cut(bytes);
  }

  /** Up to and including `mark`. */
  async takeUntil(mark: string): Promise<Buffer> {
    let found = -1;
    await this.until(() => {
      if (this.chunks.length > 1) this.chunks = [Buffer.concat(this.chunks)];
      found = this.chunks[0]?.indexOf(mark) ?? -1;
      return found !== -1;
    });
    return this.cut(found + mark.length);
  }

  /** Everything until the peer closes. */
  async takeAll(): Promise<{ rest: Buffer; code: string }> {
    await this.until(() => this.ended);
    return { rest: this.cut(this.bytes), code: this.code };
  }

  /** Whether another byte is there; false once the peer has closed and all was taken. */
  async hasMore(waitMs = this.waitMs): Promise<boolean> {
    await this.until(() => this.bytes > 0 || this.ended, waitMs);
    return this.bytes > 0;
  }

  private async until(holds: () => boolean, waitMs = this.waitMs): Promise<void> {
    const limit = Date.now() + waitMs;
    while (!holds()) {
      if (this.ended) throw new Ended(this.cut(this.bytes), this.code);
      const leftMs = limit - Date.now();
      if (leftMs <= 0) {
        const seen = Buffer.concat(this.chunks).toString("latin1", 0, 200);
        throw new Error(`nothing more came for ${waitMs} ms, ${this.bytes} bytes so far: ${JSON.stringify(seen)}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  private cut(bytes: number): Buffer {
    const parts: Buffer[] = [];
    let left = bytes;
    while (left > 0) {
      const first = this.chunks[0]!;
      if (first.length <= left) {
        parts.push(first);
        this.chunks.shift();
        left -= first.length;
      } else {
        parts.push(first.subarray(0, left));
        this.chunks[0] = first.subarray(left);
        left = 0;
      }
    }
    this.bytes -= bytes;
    this.taken.push(...parts);
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }
}
