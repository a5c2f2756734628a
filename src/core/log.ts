/**
 * The device program's own words: one line each on standard error, for the journal or a terminal. And the time of day,
 * which is for people who read them: a device's clock may be wrong or jump, so nothing is ever decided by it.
 */
import { fstatSync } from "node:fs";
import { name } from "#generated/tables.ts";
import { putBytes } from "./bytes.ts";
import { putLine } from "./sink.ts";

/** As in sd-daemon(3). */
export const ERROR = 3;
export const WARNING = 4;
export const INFO = 6;

export function logLine(text: string, priority = INFO): void {
  putLine(`${priorityPrefix(priority)}${name}: ${text}`);
}

let journal: boolean | undefined;

/** "<6>" where the journal reads it, which takes it off again (systemd.exec(5), JOURNAL_STREAM), else "". */
export function priorityPrefix(priority: number): string {
  journal ??= isJournal();
  return journal ? `<${priority}>` : "";
}

function isJournal(): boolean {
  try {
    const { dev, ino } = fstatSync(2);
    return process.env.JOURNAL_STREAM === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** "2026-11-21T18:33:29.123Z", of the second it was made in. */
const stamp = /* @__PURE__ */ Buffer.allocUnsafeSlow(24);
let stampedSecond = -1;

/** RFC 3339 in UTC, to the millisecond. */
export function putTime(out: Buffer, at: number): number {
  const ms = Date.now();
  const second = Math.floor(ms / 1000);
  if (second !== stampedSecond) {
    stampedSecond = second;
    stamp.latin1Write(new Date(ms).toISOString(), 0);
  }
  const millis = ms - second * 1000;
  stamp[20] = 0x30 + Math.floor(millis / 100);
  stamp[21] = 0x30 + (Math.floor(millis / 10) % 10);
  stamp[22] = 0x30 + (millis % 10);
  return putBytes(out, at, stamp);
}

/** Since 1970, by the device's clock, which may be wrong and may jump: for people and other machines to read only. */
export function wallSeconds(): number {
  return Date.now() / 1000;
}
