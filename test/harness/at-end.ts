/**
 * What ends what was started. The runner stops calling `after` hooks at the first that throws; here the others still
 * run, so that one failure neither leaves a process behind nor keeps the file from ending.
 */
import { after } from "node:test";

type End = () => unknown;

const pending = new Set<End>();

/** Calls `end` at the end of the test that is running, or of the file. It may throw to fail it. */
export function atEnd(end: End): void {
  pending.add(end);
  after(async () => {
    if (!pending.delete(end)) return;
    try {
      await end();
    } catch (error) {
      const others = [...pending];
      pending.clear();
      await Promise.allSettled(others.map(async (other) => await other()));
      throw error;
    }
  });
}
