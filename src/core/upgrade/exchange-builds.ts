/**
 * `activate` and `rollback`: which build `current` names, and the running service with it. The service does the exchange
 * (guardian.ts), root's command moves the links, and each looks at what the other has done.
 */
import { statSync } from "node:fs";
import { kill } from "node:process";
import { wait } from "../timers.ts";
import { onDevice, Refused } from "./refused.ts";
import { findService } from "./service.ts";
import type { Slots } from "./slots.ts";
import type { State, Trial } from "./state.ts";

const LOOK_MS = 50;
/** How long the service may take to say anything after a signal, or while it says something twice a second. */
const DEAF_MS = 15_000;

export interface Outcome {
  readonly build: string;
  readonly verdict: "confirmed" | "rolled back" | "current" | "unchanged";
  readonly reason: string;
}

/** Where a command works. */
export interface Place {
  readonly slots: Slots;
  readonly runFolder: string;
  /** One line of progress. */
  readonly say: (line: string) => void;
}

/** Has the service try the build, and makes it current if the service is content. @throws Refused */
export async function activate(place: Place, build: string): Promise<Outcome> {
  const { slots, runFolder, say } = place;
  const service = findService(slots, runFolder);
  const isCurrent = slots.read("current") === build;
  if (service === undefined || service.build === build) {
    if (!isCurrent) onDevice("make it current", () => makeCurrent(slots, build));
    slots.clean();
    const reason = service === undefined ? "no service is running" : "the service runs it";
    return { build, verdict: isCurrent ? "unchanged" : "current", reason };
  }
  onDevice("put it on trial", () => slots.set("next", build));
  // Ended by its terminal, it would leave the trial without a verdict.
  process.on("SIGHUP", () => {});
  const callOff = (): void => {
    say("called off");
    slots.remove("next");
  };
  process.once("SIGINT", callOff);
  process.once("SIGTERM", callOff);
  const before = slots.read("current");
  try {
    const outcome = await exchange(place, service, build, () => makeCurrent(slots, build));
    // The service may have changed its mind after it had passed.
    if (outcome.verdict !== "confirmed" && before !== undefined && slots.read("current") === build) {
      slots.set("current", before);
    }
    return outcome;
  } finally {
    slots.remove("next");
    slots.clean();
  }
}

/** Back to the build before, without a trial: whoever asks for it has seen enough. @throws Refused */
export async function rollback(place: Place): Promise<Outcome> {
  const { slots, runFolder } = place;
  const build = slots.read("previous");
  const before = slots.read("current");
  if (build === undefined || build === before) throw new Refused("there is no previous build to go back to", 66);
  onDevice("go back", () => {
    if ((statSync(slots.fileOf(build)).mode & 0o111) === 0) throw new Refused(`${build} is not executable`, 66);
    slots.set("current", build);
    if (before !== undefined) slots.set("previous", before);
  });
  const service = findService(slots, runFolder);
  if (service === undefined || service.build === build)
    return { build, verdict: "current", reason: "no service is running" };
  const outcome = await exchange(place, service, build, () => {});
  if (outcome.verdict !== "confirmed" && before !== undefined) {
    slots.set("current", before);
    slots.set("previous", build);
  }
  return outcome;
}

function makeCurrent(slots: Slots, build: string): void {
  const before = slots.read("current");
  if (before !== undefined && before !== build) slots.set("previous", before);
  slots.set("current", build);
}

/** Signals the service and waits for its verdict. @param onPassed moves `current`, which the service waits for */
async function exchange(
  { slots, runFolder, say }: Place,
  service: State,
  build: string,
  onPassed: () => void,
): Promise<Outcome> {
  const number = (service.last?.number ?? 0) + 1;
  onDevice(`signal process ${service.pid}`, () => kill(service.pid, "SIGUSR2"));
  say(`asked process ${service.pid}, which runs build ${service.build}, to start build ${build}`);
  let phase: Trial["phase"] | "asked" = "asked";
  let heard = "";
  let deafMs = performance.now() + DEAF_MS;
  for (;;) {
    await wait(LOOK_MS);
    const state = findService(slots, runFolder);
    const told = JSON.stringify(state);
    if (state !== undefined && told !== heard) {
      heard = told;
      deafMs = performance.now() + DEAF_MS;
    }
    if (performance.now() > deafMs)
      return { build, verdict: "rolled back", reason: "the service does not say anything" };
    if (state === undefined) continue;
    // A confirmed build tells itself that it is, once it is the service's main process.
    const isSettled = state.last?.verdict !== "confirmed" || state.pid !== service.pid;
    if (state.last !== null && state.last.number >= number && isSettled) {
      const { verdict, reason } = state.last;
      return { build, verdict: verdict === "confirmed" ? "confirmed" : "rolled back", reason: harmless(reason) };
    }
    if (state.pid !== service.pid && state.last?.number !== number) {
      return { build, verdict: "rolled back", reason: "the service ended in between and was started again" };
    }
    const { trial } = state;
    if (trial === null || trial.build !== build || trial.phase === phase) continue;
    phase = trial.phase;
    if (phase === "probation") say(`it serves, on probation for ${trial.probation_ms / 1000} s`);
    if (phase === "passed") {
      onDevice("make it current", onPassed);
      say("passed, it is current now");
    }
  }
}

/** The service is not root, and what it says goes to root's terminal. */
function harmless(text: unknown): string {
  return String(text)
    .slice(0, 500)
    .replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, "?");
}
