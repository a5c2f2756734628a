/** What the service may take of the device, and how long things may last: all of it follows from the plan. */
import { descriptorBudget } from "../budget/descriptors.ts";
import { memoryBudget } from "../budget/memory.ts";
import { showBytes } from "../budget/term.ts";
import type { Plan } from "../plan.ts";
import { type Setting, setting, showMemory, showTime } from "./text.ts";

const KIB = 1 << 10;
const MIB = 1 << 20;
/** Above the sum where the target sets no budget: the sum was measured, and a kernel with larger pages needs more. */
const SPARE_SHARE = 0.1;

/** Six when it serves, eleven with the pool that reads files and asks resolvers; io_uring's workers count, too. */
const THREADS = 16;
/** systemd-notify, and the moment in which it is still a copy of the process. */
const HELPER_THREADS = 2;

/** Reading 60 MiB of the executable at 4 MB/s, which cards of the slowest class do, and as long again. */
const START_MS = 30_000;
/** Beyond the drain time: what is left to write, and the exit. */
const STOP_MARGIN_MS = 5_000;
/** A process that hangs so that SIGABRT does not end it gets SIGKILL after this. */
const ABORT_MS = 5_000;
/** A crash costs this much of service; ten tries wait for a port or an address longer than a restart of its holder takes. */
const RESTART_MS = 2_000;
const STARTS_MAX = 10;
/** What fails once in six minutes is no loop, and a service that works in between is better than none. */
const INTERVAL_MS_MAX = 3_600_000;

/** Processes that may be there at once: while a build takes over from another, both are in the service. */
function processesOf({ update }: Plan): number {
  return update === undefined ? 1 : 2;
}

export function memorySettings(plan: Plan): Setting[] {
  const { total, limit } = memoryBudget(plan);
  const processes = processesOf(plan);
  const sum = Math.ceil(total / KIB) * KIB;
  const most = limit ?? Math.ceil((sum * (1 + SPARE_SHARE)) / MIB) * MIB;
  const [times, each] =
    processes === 1 ? ["", ""] : [`${processes} × `, ", once for each build while one takes over from the other"];
  return [
    setting(
      "MemoryHigh",
      showMemory(processes * sum),
      `${times}${showBytes(total)}, the most it can need (hardwire explain)${each}. From there on the kernel takes back pages of files and room of sockets, and slows the service down where that is not enough.`,
    ),
    setting(
      "MemoryMax",
      showMemory(processes * most),
      `${times}${limit === undefined ? "the same and a tenth" : "memory.budget of the target"}. Beyond it the kernel ends the service.`,
    ),
    setting("MemorySwapMax", 0, "The sum is of memory: swapped out, the service would be late instead of small."),
    setting(
      "OOMPolicy",
      processes === 1 ? "stop" : "continue",
      processes === 1
        ? "Whatever the kernel ends for want of memory, the whole service is started afresh."
        : "If the kernel ends a build on trial for want of memory, the one that works goes on; if it ends the main process, the service is started afresh in any case.",
    ),
  ];
}

export function countSettings(plan: Plan): Setting[] {
  const { total, limit } = descriptorBudget(plan);
  const processes = processesOf(plan);
  return [
    setting(
      "LimitNOFILE",
      limit ?? total,
      limit === undefined
        ? "The proven sum (hardwire explain)."
        : `limits.descriptors of the target; the proven sum is ${total} (hardwire explain).`,
    ),
    setting(
      "TasksMax",
      processes * THREADS + HELPER_THREADS,
      `Threads: up to 11 in ${processes === 1 ? "the process" : "each of two processes"} and those of systemd-notify, with room.`,
    ),
    setting(
      "LimitCORE",
      0,
      `A dump of the memory would hold what clients sent${plan.credentials.length === 0 ? "" : " and the credentials"}, and wear out flash.`,
    ),
  ];
}

/** Of [Unit]: where starting again ends. */
export function startLimitSettings({ service }: Plan): Setting[] {
  const slowestMs = RESTART_MS + Math.max(START_MS, (service?.watchdogMs ?? 0) + ABORT_MS);
  const intervalMs = Math.min(STARTS_MAX * slowestMs, INTERVAL_MS_MAX);
  return [
    setting(
      "StartLimitIntervalSec",
      showTime(intervalMs),
      `Nothing loops for ever: ${STARTS_MAX} starts in the time that ${STARTS_MAX} of the slowest failures take, and the service stays down and is "failed".`,
    ),
    setting("StartLimitBurst", STARTS_MAX),
  ];
}

export function restartSettings({ credentials, service }: Plan): Setting[] {
  const statuses = [64, 65, 77, 78];
  const exits = ["64 usage, 77 not permitted, 78 a bad credential or the wrong device"];
  // systemd's own, where it could not even start the executable (systemd.exec(5)).
  if (service?.user !== undefined) {
    statuses.push(217);
    exits.push(`217 a device without the user ${service.user}`);
  }
  if (credentials.length > 0) {
    statuses.push(243);
    exits.push("243 a credential that is missing");
  }
  return [
    setting(
      "Restart",
      "on-failure",
      "After a crash, a signal that is none of systemctl's, a hang, and want of memory; not after exit 0.",
    ),
    setting("RestartSec", showTime(RESTART_MS)),
    setting(
      "RestartPreventExitStatus",
      statuses.join(" "),
      `What no second try mends: ${exits.join(", ")}. A port in use (69) and an address that is not there yet (71) are tried again, ${STARTS_MAX} times.`,
    ),
  ];
}

export function timeSettings({ service, limits }: Plan): Setting[] {
  const watchdogMs = service?.watchdogMs;
  return [
    setting("TimeoutStartSec", showTime(START_MS), "Until READY=1: every listener open. 0.1 s, but for slow flash."),
    setting(
      "TimeoutStopSec",
      showTime(limits.drainMs + STOP_MARGIN_MS),
      `The drain time, ${showTime(limits.drainMs)}, and ${showTime(STOP_MARGIN_MS)}.`,
    ),
    ...(watchdogMs === undefined
      ? []
      : [
          setting(
            "WatchdogSec",
            showTime(watchdogMs),
            "A sign of life is sent twice in this time, after a request to itself went through a listener; without one the process is ended and started again.",
          ),
          setting("TimeoutAbortSec", showTime(ABORT_MS), "It hangs: then there is nothing to drain."),
        ]),
  ];
}
