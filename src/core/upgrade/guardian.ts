/**
 * The process that serves, when another build is to take over. It stays the service's main process until the other one
 * is confirmed, and can serve again at any moment until then; nothing depends on the one on trial.
 *
 * ```
 *            USR2                ready                          nothing wrong to the end
 *  serving ────────▶ starting ────────▶ probation (other serves) ────────────▶ passed ───`current` names it──▶ retiring ──▶ exit 0
 *     ▲                 │                    │                                   │
 *     └─────────────────┴────────────────────┴──── listeners open again ◀────────┘ no confirmation, it died, it is silent, …
 * ```
 *
 * Confirming is root's: `activate` moves `current`, which this process can only read. So what runs is what the service
 * manager would start.
 */
import type { ChildProcess, SendHandle } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";
import { HAS_SERVICE, UPDATE_READY_MS } from "#generated/constants.ts";
import type { ListenError } from "../listen.ts";
import { logLine } from "../log.ts";
import { endService } from "../notify.ts";
import { setDraining } from "../proxy.ts";
import { listenAgain, type Server } from "../server.ts";
import { addWalker, deadlineIn, hasPassed, nowMs, wakeClock } from "../timers.ts";
import { BESIDE } from "./beside.ts";
import type { Counts } from "./counts.ts";
import { passOn } from "./inherit.ts";
import { type Standard, whyBad } from "./judge.ts";
import { type Order, PROTOCOL, type Report } from "./messages.ts";
import { retire } from "./retire.ts";
import { ownBuild, Slots } from "./slots.ts";
import { type State, type Trial, type Verdict, writeState } from "./state.ts";
import { tellMainPid } from "./systemd.ts";
import { whyUntrusted } from "./trust.ts";

/** It reports twice a second; a build that lets its event loop stand still for so long is not one to keep. */
const SILENT_MS = 5000;
/** How long `activate` may take to move `current`. */
const CONFIRM_MS = 5000;
/** A build that has to go and does not is killed after its own drain, of which this process knows nothing. */
const GO_MS = 60_000;
const STATE_MS = 500;

type Phase = Trial["phase"];

/** The other process. */
interface Candidate {
  readonly build: string;
  readonly child: ChildProcess;
  /** Without, it serves as soon as it is ready: root has said so. */
  readonly onProbation: boolean;
  phase: Phase;
  startedMs: number;
  phaseEndMs: number;
  heardMs: number;
  standard: Standard;
  counts: Counts;
  /** The listening sockets that it has, too: whatever becomes of it, what waits in their queues is not reset. */
  readonly kept: Closable[];
}

interface Closable {
  close(): void;
}

const NOTHING: Counts = { requests: 0, errors: 0, slow: 0 };

export class Guardian {
  readonly #server: Server;
  readonly #slots = Slots.ofThisProcess();
  #candidate: Candidate | undefined;
  /** Those that have to go. */
  readonly #leaving = new Set<ChildProcess>();
  #last: Verdict | null;
  #stateMs = 0;
  /** The service stops, or another process is its main one. */
  #isOver = false;

  /** @param last verdict of the process that this one took over from */
  constructor(server: Server, last: Verdict | null) {
    this.#server = server;
    this.#last = last;
    this.#tell();
    addWalker(() => this.#walk());
  }

  /** Another build is to take over: the one on trial, or that which `current` names by now. */
  begin(): void {
    if (this.#isOver) return;
    if (this.#candidate !== undefined) {
      logLine(`SIGUSR2: ${this.#candidate.build} is on trial already`);
      return;
    }
    const next = this.#slots?.read("next");
    const build = next ?? this.#slots?.read("current");
    if (this.#slots === undefined || build === undefined || build === ownBuild()) {
      logLine("SIGUSR2: no other build is there to take over");
      return;
    }
    logLine(`SIGUSR2: starting build ${build}${next === undefined ? "" : " on trial"}`);
    this.#spawn(this.#slots.fileOf(build), build, next !== undefined);
  }

  /** The service stops: so does what was started. */
  stop(): void {
    this.#isOver = true;
    if (this.#candidate !== undefined) {
      this.#leaving.add(this.#candidate.child);
      closeEach(this.#candidate.kept);
    }
    this.#candidate = undefined;
    for (const child of this.#leaving) child.kill("SIGTERM");
  }

  /** Once it stops: whether there is no process left to wait for. */
  get isAlone(): boolean {
    return this.#leaving.size === 0;
  }

  #spawn(file: string, build: string, onProbation: boolean): void {
    const problem = whyUnfit(file);
    if (problem !== "") {
      this.#conclude(build, "rolled back", problem);
      return;
    }
    const { spawn } = process.getBuiltinModule("node:child_process");
    const { descriptors, env } = passOn(this.#server.sockets);
    const child = spawn(file, [], {
      stdio: ["ignore", "inherit", "inherit", "ipc", ...descriptors],
      env: { ...process.env, ...env, [BESIDE]: String(process.pid) },
    });
    wakeClock();
    const startedMs = performance.now();
    const candidate: Candidate = {
      build,
      child,
      onProbation,
      phase: "starting",
      startedMs,
      phaseEndMs: startedMs + UPDATE_READY_MS,
      heardMs: 0,
      standard: { probationMs: 0, errorShare: 0, p99Ms: 0, requestsMin: 0 },
      counts: NOTHING,
      kept: [],
    };
    this.#candidate = candidate;
    this.#tell();
    let reason = "";
    child.on("message", (report: Report, handle) => {
      if (report.kind === "failed") reason = report.reason;
      else if (report.kind === "socket") this.#sendBack(candidate, handle);
      else if (this.#candidate === candidate) void this.#hear(candidate, report);
    });
    // What cannot be started ends without having begun.
    child.on("error", (error: NodeJS.ErrnoException) => this.#gone(candidate, describeSpawn(error)));
    child.on("exit", (code, signal) => {
      this.#gone(candidate, reason || `it ended with ${signal ?? `exit code ${code}`}; the log has its words`);
    });
  }

  /** Its own listening socket, which it needs under another number (inherit.ts). */
  #sendBack(candidate: Candidate, handle: SendHandle): void {
    const socket = handle as unknown as Closable;
    if (this.#candidate !== candidate) {
      socket.close();
      return;
    }
    candidate.kept.push(socket);
    candidate.child.send({ kind: "socket" } satisfies Order, handle, () => {});
  }

  #gone(candidate: Candidate, reason: string): void {
    this.#leaving.delete(candidate.child);
    if (this.#candidate === candidate) this.#takeBack(reason);
  }

  async #hear(candidate: Candidate, report: Report): Promise<void> {
    candidate.heardMs = performance.now();
    if (report.kind === "counts") {
      candidate.counts = report.counts;
      return;
    }
    if (report.kind !== "ready" || candidate.phase !== "starting") return;
    if (report.protocol !== PROTOCOL || report.build !== candidate.build) {
      this.#takeBack(`it is build ${report.build} and speaks version ${report.protocol}, not ${PROTOCOL}`);
      return;
    }
    setDraining(true);
    this.#server.stopListening();
    this.#server.stopAdmin();
    candidate.standard = report.standard;
    if (candidate.onProbation) {
      candidate.phase = "probation";
      candidate.phaseEndMs = performance.now() + report.standard.probationMs;
      logLine(`build ${candidate.build} serves, on probation for ${report.standard.probationMs / 1000} s`);
      this.#tell();
    } else await this.#confirm(candidate, "as asked, without probation");
  }

  #walk(): boolean {
    const candidate = this.#candidate;
    if (candidate === undefined) return false;
    const isOver = nowMs >= candidate.phaseEndMs;
    if (candidate.phase === "starting") {
      if (isOver) this.#takeBack(`it was not ready within ${UPDATE_READY_MS / 1000} s`);
    } else if (nowMs - candidate.heardMs > SILENT_MS) this.#takeBack(`it has said nothing for ${SILENT_MS / 1000} s`);
    else if (candidate.phase === "probation") this.#judge(candidate, isOver);
    else if (this.#slots?.read("current") === candidate.build) {
      const { requests, errors, slow } = candidate.counts;
      void this.#confirm(candidate, `${requests} answers, ${errors} errors, ${slow} slow`);
    } else if (isOver) this.#takeBack("nobody has made it current: `activate` was ended");
    if (this.#candidate === candidate && hasPassed(this.#stateMs)) this.#tell();
    return true;
  }

  #judge(candidate: Candidate, isOver: boolean): void {
    const problem = whyBad(candidate.counts, candidate.standard, isOver);
    if (problem !== "") this.#takeBack(problem);
    else if (this.#slots?.read("next") !== candidate.build) this.#takeBack("the activation was called off");
    else if (isOver && candidate.heardMs >= candidate.phaseEndMs) {
      // Only who still says something has got through.
      candidate.phase = "passed";
      candidate.phaseEndMs = nowMs + CONFIRM_MS;
      this.#tell();
    }
  }

  /** Serves again, whatever the other one does. */
  #takeBack(reason: string): void {
    const { build, child, phase, heardMs, kept } = this.#candidate!;
    this.#candidate = undefined;
    const isRunning = child.pid !== undefined && child.exitCode === null && child.signalCode === null;
    if (isRunning) this.#leaving.add(child);
    const dismiss = (): void => {
      if (isRunning) this.#dismiss(child, phase === "starting" || nowMs - heardMs > SILENT_MS);
      closeEach(kept);
      this.#conclude(build, "rolled back", reason);
    };
    if (phase === "starting") {
      dismiss();
      return;
    }
    setDraining(false);
    listenAgain(this.#server).then(dismiss, (error: ListenError) => {
      logLine(error.message);
      process.exit(error.exitCode);
    });
  }

  /** @param isStuck it does nothing that it is told, or has nothing that could be cut off */
  #dismiss(child: ChildProcess, isStuck: boolean): void {
    if (isStuck || !child.connected) child.kill("SIGKILL");
    else child.send({ kind: "retire" } satisfies Order, () => {});
    const limitMs = deadlineIn(GO_MS);
    addWalker(() => {
      if (hasPassed(limitMs)) child.kill("SIGKILL");
      return this.#leaving.has(child);
    });
  }

  async #confirm(candidate: Candidate, how: string): Promise<void> {
    this.#candidate = undefined;
    const { child, build } = candidate;
    try {
      await tellMainPid(child.pid!);
      if (child.exitCode !== null || child.signalCode !== null) throw new Error("it has ended");
    } catch (error) {
      // It may have heard all the same.
      tellMainPid(process.pid).catch(() => {});
      this.#candidate = candidate;
      this.#takeBack((error as Error).message);
      return;
    }
    if (HAS_SERVICE) endService();
    this.#isOver = true;
    const last = this.#conclude(build, "confirmed", how);
    child.send({ kind: "main", last } satisfies Order, () => {});
    child.removeAllListeners();
    closeEach(candidate.kept);
    retire(this.#server, `build ${build} has taken over`);
  }

  #conclude(build: string, verdict: Verdict["verdict"], reason: string): Verdict {
    logLine(`build ${build} ${verdict}: ${reason}`);
    this.#last = { number: (this.#last?.number ?? 0) + 1, build, verdict, reason };
    this.#tell();
    return this.#last;
  }

  /** For `status` and `activate`; serving does not depend on it. */
  #tell(): void {
    this.#stateMs = deadlineIn(STATE_MS);
    const candidate = this.#candidate;
    const trial: State["trial"] =
      candidate === undefined
        ? null
        : {
            number: (this.#last?.number ?? 0) + 1,
            build: candidate.build,
            phase: candidate.phase,
            elapsed_ms: Math.round(performance.now() - candidate.startedMs),
            probation_ms: candidate.standard.probationMs,
            counts: candidate.counts,
          };
    try {
      writeState({ pid: process.pid, build: ownBuild(), trial, last: this.#last });
    } catch (error) {
      if (candidate === undefined) logLine(`builds cannot be exchanged while it runs: ${(error as Error).message}`);
    }
  }
}

function closeEach(sockets: readonly Closable[]): void {
  for (const socket of sockets) socket.close();
}

/** Said before it is started: to what the kernel does not know as an executable, `execvp` would give a shell. */
function whyUnfit(file: string): string {
  try {
    const problem = whyUntrusted(file);
    if (problem !== "") return problem;
    return kindOf(file) === kindOf("/proc/self/exe") ? "" : "it is not an executable for this machine";
  } catch (error) {
    return (error as Error).message;
  }
}

/** Of an ELF file: magic number, class, byte order; machine. */
function kindOf(file: string): string {
  const head = Buffer.alloc(20);
  const descriptor = openSync(file, "r");
  readSync(descriptor, head);
  closeSync(descriptor);
  return head.hexSlice(0, 6) + head.hexSlice(18);
}

function describeSpawn({ code, message }: NodeJS.ErrnoException): string {
  const reasons: Readonly<Record<string, string>> = {
    EACCES: "it is not executable, or lies on a file system mounted noexec",
    ENOENT: "it is not there, or the machine has not the C library that it needs",
  };
  return `it cannot be started: ${reasons[code ?? ""] ?? message}`;
}
