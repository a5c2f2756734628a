/**
 * Durations and sizes: their schema nodes, which only check the text, and the functions that read it later. The unit
 * is part of the value, so that nobody has to know whether 5 means seconds or milliseconds.
 */
import { z } from "zod";
import { expectations, type Hint } from "./expect.ts";

/** Whether a text is a duration at all; one may still be too long. */
export const DURATION = /^[1-9]\d{0,8}(ms|s|m|h)$/;
const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** A day. Longer waits on a device are mistakes, and the timer wheel counts in 32 bits. */
const DURATION_MS_MAX = 24 * 3_600_000;

const SIZE = /^(0|[1-9]\d{0,11})(B|KiB|MiB|GiB)$/;
const BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 1 << 10, MiB: 1 << 20, GiB: 1 << 30 };
const SIZE_BYTES_MAX = 2 ** 40;

export function duration(description: string) {
  return z
    .string()
    .regex(DURATION, { abort: true })
    .refine((text) => parseDurationMs(text) <= DURATION_MS_MAX)
    .meta({ description, examples: ["5s", "250ms", "1m"] })
    .register(expectations, { expected: "a duration such as 5s or 250ms", hint: hintDuration });
}

export function size(description: string) {
  return z
    .string()
    .regex(SIZE, { abort: true })
    .refine((text) => parseSizeBytes(text) <= SIZE_BYTES_MAX)
    .meta({ description, examples: ["64KiB", "1MiB"] })
    .register(expectations, { expected: "a size such as 64KiB or 1MiB", hint: hintSize });
}

/** A size within bounds, both included and written as sizes. */
export function sizeBetween(least: string, most: string, description: string) {
  const [bytesMin, bytesMax] = [parseSizeBytes(least), parseSizeBytes(most)];
  const isWithin = (text: string) => parseSizeBytes(text) >= bytesMin && parseSizeBytes(text) <= bytesMax;
  return z
    .string()
    .regex(SIZE, { abort: true })
    .refine(isWithin)
    .meta({ description, examples: [least, most] })
    .register(expectations, {
      expected: `a size from ${least} to ${most}`,
      // A well-formed size was refused for its bounds, which are in the text already.
      hint: (found) => (typeof found === "string" && SIZE.test(found) ? undefined : hintSize(found)),
    });
}

/** Milliseconds of a text that passed `duration`. */
export function parseDurationMs(text: string): number {
  const [, digits, unit] = /^(\d+)([a-z]+)$/.exec(text)!;
  return Number(digits) * MS[unit!]!;
}

/** Bytes of a text that passed `size`. */
export function parseSizeBytes(text: string): number {
  const [, digits, unit] = /^(\d+)([A-Za-z]+)$/.exec(text)!;
  return Number(digits) * BYTES[unit!]!;
}

/** As it would be written, in the largest unit without a fraction: 60000 is "1m". */
export function showDurationMs(ms: number): string {
  const unit = Object.keys(MS).findLast((name) => ms % MS[name]! === 0 && ms >= MS[name]!) ?? "ms";
  return `${ms / MS[unit]!}${unit}`;
}

/** Likewise: 65536 is "64KiB". */
export function showSizeBytes(bytes: number): string {
  const unit = Object.keys(BYTES).findLast((name) => bytes % BYTES[name]! === 0 && bytes >= BYTES[name]!) ?? "B";
  return `${bytes / BYTES[unit]!}${unit}`;
}

function hintDuration(found: unknown): Hint | undefined {
  const text = String(found);
  if (!isNumberOrText(found)) return undefined;
  if (/^-/.test(text)) return { advice: "a duration is positive" };
  if (/^0+(ms|s|m|h)?$/.test(text)) return { advice: "0 does not switch a timeout off; the shortest is 1ms" };
  if (/^[1-9]\d*$/.test(text)) return { code: "HW1105", advice: `write ${text}s or ${text}ms` };
  if (DURATION.test(text) || /^[1-9]\d{9,}(ms|s|m|h)$/.test(text)) return { advice: "24h is the most" };
  if (/^\d*\.\d+(ms|s|m|h)?$/.test(text)) return { advice: "write whole numbers: 1500ms for 1.5s" };
  if (/^\d+\s+(ms|s|m|h)$/.test(text)) return { advice: `write ${text.replace(/\s+/, "")}` };
  return { advice: "the units are ms, s, m and h" };
}

function hintSize(found: unknown): Hint | undefined {
  const text = String(found);
  if (!isNumberOrText(found)) return undefined;
  if (/^-/.test(text)) return { advice: "a size is not negative" };
  if (/^\d+$/.test(text)) return { code: "HW1105", advice: adviseUnit(Number(text)) };
  if (SIZE.test(text) || /^[1-9]\d{12,}(B|KiB|MiB|GiB)$/.test(text)) return { advice: "1024GiB is the most" };
  const near = /^([1-9]\d*)\s*([KMG])(i?b)?$/i.exec(text);
  if (near) return { advice: `write ${near[1]}${near[2]!.toUpperCase()}iB (1KiB is 1024 bytes)` };
  return { advice: "the units are B, KiB, MiB and GiB" };
}

/** A number that is a multiple of 1024 was meant in bytes: 1048576 is 1MiB. */
function adviseUnit(bytes: number): string {
  const unit = ["GiB", "MiB", "KiB"].find((name) => bytes > 0 && bytes % BYTES[name]! === 0);
  return unit === undefined
    ? `write ${bytes}KiB or ${bytes}B`
    : `write ${bytes / BYTES[unit]!}${unit} if bytes are meant`;
}

function isNumberOrText(found: unknown): boolean {
  return typeof found === "number" || typeof found === "string";
}
