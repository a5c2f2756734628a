/** Time that a busy machine takes, for bounds of what a program takes. */
import { existsSync, readFileSync } from "node:fs";

/** For how many milliseconds these processes could have run and something else did; 0 where the kernel does not tell. */
export function waitedMs(...pids: readonly number[]): number {
  const nanoseconds = pids.map((pid) => {
    const path = `/proc/${pid}/task/${pid}/schedstat`;
    return existsSync(path) ? Number(readFileSync(path, "utf8").split(" ")[1]) : 0;
  });
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e6;
}
