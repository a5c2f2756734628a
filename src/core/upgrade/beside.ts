/**
 * A process on trial, as it sees itself: started beside the one that serves, it proves itself, says that it is ready,
 * counts what it answers, and learns from the other what becomes of it. It judges nothing: a bad build may judge badly.
 */
import {
  HAS_TESTS,
  UPDATE_ERROR_SHARE,
  UPDATE_P99_MS,
  UPDATE_PROBATION_MS,
  UPDATE_REQUESTS_MIN,
} from "#generated/constants.ts";
import type { Uws } from "../addon.ts";
import { runTests } from "../self-test.ts";
import { addWalker, deadlineIn, hasPassed, wakeClock } from "../timers.ts";
import { readCounts, setCounting } from "./counts.ts";
import { type Order, PROTOCOL, type Report } from "./messages.ts";
import { ownBuild } from "./slots.ts";
import type { Verdict } from "./state.ts";

/** Names the process that started this one, so that a child of ours is not taken for one of these. */
export const BESIDE = "HARDWIRE_BESIDE";
const REPORT_MS = 500;

/** Whether this process was started beside one that serves; to be asked before anything else. */
export const isBeside: boolean = /* @__PURE__ */ wasStartedBeside();

function wasStartedBeside(): boolean {
  return process.send !== undefined && process.env[BESIDE] === String(process.ppid);
}

/** Runs the tests compiled in. @throws Error with an `exitCode` if one fails */
export async function prove(addon: Uws): Promise<void> {
  if (!HAS_TESTS) return;
  const results = await runTests(addon);
  const failed = results.filter(({ failures }) => failures.length > 0);
  if (failed.length === 0) return;
  const first = failed[0]!;
  const what = `${first.source}: ${first.failures[0]!.message}`;
  throw Object.assign(new Error(`${failed.length} of its ${results.length} tests fail: ${what}`), { exitCode: 70 });
}

/** The other one is told why this one cannot take over, before it ends. */
export async function confess(reason: string): Promise<void> {
  await new Promise<void>((resolve) => report({ kind: "failed", reason }, resolve));
}

/**
 * Its listeners are open beside the other's: from now on it serves, and reports.
 * @param onMain it is the service's main process
 * @param onRetire it has to go, with nothing cut
 */
export function stand(onMain: (last: Verdict) => void, onRetire: (reason: string) => void): void {
  let isOnTrial = true;
  setCounting(true);
  const standard = {
    probationMs: UPDATE_PROBATION_MS,
    errorShare: UPDATE_ERROR_SHARE,
    p99Ms: UPDATE_P99_MS,
    requestsMin: UPDATE_REQUESTS_MIN,
  };
  const end = (): void => {
    isOnTrial = false;
    setCounting(false);
    process.removeAllListeners("disconnect");
    process.disconnect();
  };
  process.on("message", (order: Order) => {
    if (!isOnTrial) return;
    end();
    if (order.kind === "main") onMain(order.last);
    else onRetire("not taken over");
  });
  process.on("disconnect", () => {
    isOnTrial = false;
    onRetire("the process that started it is gone");
  });
  report({ kind: "ready", protocol: PROTOCOL, build: ownBuild(), standard });
  let nextMs = 0;
  addWalker(() => {
    if (isOnTrial && hasPassed(nextMs)) {
      nextMs = deadlineIn(REPORT_MS);
      report({ kind: "counts", counts: readCounts() });
    }
    return isOnTrial;
  });
  nextMs = deadlineIn(REPORT_MS);
  wakeClock();
}

/** The channel may be gone; its end is told by `disconnect`. */
function report(what: Report, onSent: () => void = () => {}): void {
  process.send!(what, undefined, {}, onSent);
}
