/** The way of a serving process from the moment its listeners are open: on trial first, or the main process at once. */
import { HAS_SERVICE } from "#generated/constants.ts";
import { beginService } from "../notify.ts";
import type { Server } from "../server.ts";
import { isBeside, stand } from "./beside.ts";
import { Guardian } from "./guardian.ts";
import { retire } from "./retire.ts";
import type { Verdict } from "./state.ts";

let guardian: Guardian | undefined;
/** Whom this process has taken over from, as long as that one drains. */
let predecessor = 0;

export function joinUpgrades(server: Server): void {
  if (!isBeside) {
    guardian = new Guardian(server, null);
    return;
  }
  const parent = process.ppid;
  const onMain = (last: Verdict): void => {
    predecessor = parent;
    guardian = new Guardian(server, last);
    if (HAS_SERVICE) beginService(true);
  };
  stand(onMain, (reason) => retire(server, reason));
}

/** SIGUSR2. */
export function beginTakeover(): void {
  guardian?.begin();
}

/** The service stops, and this is the only process that was told. */
export function stopOthers(): void {
  guardian?.stop();
  if (isDraining(predecessor)) process.kill(predecessor, "SIGTERM");
}

/** Whether none of the service's other processes is left to wait for. */
export function isAlone(): boolean {
  return (guardian === undefined || guardian.isAlone) && !isDraining(predecessor);
}

/** It is this process's parent until its end; then the number may be anyone's. */
function isDraining(pid: number): boolean {
  return pid !== 0 && process.ppid === pid;
}
