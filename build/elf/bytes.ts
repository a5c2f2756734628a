/**
 * Little-endian reads with the bounds checked: whatever a damaged file claims, the answer is a number inside the file
 * or an ElfError that says where reading stopped.
 */
import { ElfError } from "./error.ts";

/** Symbol and library names are far shorter; C++ names in these files reach about 2 kB. */
const NAME_BYTES_MAX = 65_536;

export class Bytes {
  readonly file: string;
  readonly data: Buffer;

  constructor(file: string, data: Buffer) {
    this.file = file;
    this.data = data;
  }

  u8(at: number): number {
    return this.data[this.within(at, 1)]!;
  }

  u16(at: number): number {
    return this.data.readUInt16LE(this.within(at, 2));
  }

  u32(at: number): number {
    return this.data.readUInt32LE(this.within(at, 4));
  }

  /** An offset, size or address; none in a sane file passes 2^53. */
  u64(at: number): number {
    const value = this.data.readBigUInt64LE(this.within(at, 8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new ElfError(this.file, `the number at offset ${at} is too large for an offset or size (damaged file?)`);
    }
    return Number(value);
  }

  slice(at: number, length: number): Buffer {
    return this.data.subarray(this.within(at, length), at + length);
  }

  /** The NUL-terminated name at `at`, which must end before `end`. */
  name(at: number, end: number): string {
    const limit = Math.min(end, at + NAME_BYTES_MAX, this.data.length);
    const stop = at >= 0 && at < limit ? this.data.subarray(at, limit).indexOf(0) : -1;
    if (stop < 0) throw new ElfError(this.file, `no terminated name at offset ${at} (damaged file?)`);
    return this.data.toString("latin1", at, at + stop);
  }

  within(at: number, length: number): number {
    if (!Number.isSafeInteger(at) || at < 0 || length < 0 || at + length > this.data.length) {
      throw new ElfError(
        this.file,
        `needs ${length} bytes at offset ${at}, but the file has ${this.data.length} (truncated or damaged?)`,
      );
    }
    return at;
  }
}
