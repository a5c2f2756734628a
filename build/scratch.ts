/** What a step leaves around is gone afterwards, also when the build is interrupted at the terminal or by its supervisor. */
import { rmSync } from "node:fs";
import process from "node:process";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A file or folder to remove, or something else to end. */
export type Leftover = string | (() => void);

/** Runs `work`, then clears what it put into `leftovers`, the last first. */
export async function withScratch<T>(work: (leftovers: Leftover[]) => Promise<T>): Promise<T> {
  const leftovers: Leftover[] = [];
  const clean = (): void => {
    for (const leftover of leftovers.splice(0).reverse()) {
      if (typeof leftover === "string") rmSync(leftover, { recursive: true, force: true });
      else leftover();
    }
  };
  const interrupt = (signal: NodeJS.Signals): void => {
    clean();
    for (const name of SIGNALS) process.off(name, interrupt);
    // Ends as it would have without us, unless someone else listens too.
    process.kill(process.pid, signal);
  };
  for (const name of SIGNALS) process.on(name, interrupt);
  try {
    return await work(leftovers);
  } finally {
    for (const name of SIGNALS) process.off(name, interrupt);
    clean();
  }
}
