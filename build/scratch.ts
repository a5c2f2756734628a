/** What a step leaves around is gone afterwards, also when the build is interrupted at the terminal or by its supervisor. */
import process from "node:process";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs `work`, then what it put into `cleanups`, the last first. */
export async function withScratch<T>(work: (cleanups: (() => void)[]) => Promise<T>): Promise<T> {
  const cleanups: (() => void)[] = [];
  const clean = (): void => {
    for (const cleanup of cleanups.splice(0).reverse()) cleanup();
  };
  const interrupt = (signal: NodeJS.Signals): void => {
    clean();
    for (const name of SIGNALS) process.off(name, interrupt);
    // Ends as it would have without us, unless someone else listens too.
    process.kill(process.pid, signal);
  };
  for (const name of SIGNALS) process.on(name, interrupt);
  try {
    return await work(cleanups);
  } finally {
    for (const name of SIGNALS) process.off(name, interrupt);
    clean();
  }
}
