/** Temporary files that are gone afterwards, also when the build is interrupted at the terminal or by its supervisor. */
import { rmSync } from "node:fs";
import process from "node:process";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs `work`, then removes the files and folders in `paths`, which `work` may add to. */
export async function withScratch<T>(work: (paths: string[]) => Promise<T>): Promise<T> {
  const paths: string[] = [];
  const clean = (): void => {
    for (const path of paths) rmSync(path, { recursive: true, force: true });
  };
  const interrupt = (signal: NodeJS.Signals): void => {
    clean();
    for (const name of SIGNALS) process.off(name, interrupt);
    // Ends as it would have without us, unless someone else listens too.
    process.kill(process.pid, signal);
  };
  for (const name of SIGNALS) process.on(name, interrupt);
  try {
    return await work(paths);
  } finally {
    for (const name of SIGNALS) process.off(name, interrupt);
    clean();
  }
}
