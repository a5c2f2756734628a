/** Tells systemd that another process is the service's main one. Without systemd nobody is told. */
import { notify } from "../systemd-notify.ts";
import { wait } from "../timers.ts";

const TRIES = 2;
/** While systemd reads its units anew, it hears nobody. */
const RETRY_MS = 1000;

/** @throws Error if it may not have heard */
export async function tellMainPid(pid: number): Promise<void> {
  if (process.env.NOTIFY_SOCKET === undefined) return;
  for (let tries = 1; ; tries++) {
    const problem = await notify([`MAINPID=${pid}`], true);
    if (problem === "") return;
    if (tries === TRIES) throw new Error(`the service manager could not be told: ${problem}`);
    await wait(RETRY_MS);
  }
}
