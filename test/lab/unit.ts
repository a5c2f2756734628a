/** A service of a machine, as systemd sees it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Machine } from "./machine.ts";

const WAIT_MS = 30_000;
const POLL_MS = 50;

export interface State {
  readonly ActiveState: string;
  readonly SubState: string;
  readonly Result: string;
  readonly StatusText: string;
  readonly MainPID: number;
  readonly NRestarts: number;
  /** Exit code, or number of the signal, of the last main process. */
  readonly ExecMainStatus: number;
}

export class Unit {
  readonly machine: Machine;
  readonly name: string;

  constructor(machine: Machine, name: string) {
    this.machine = machine;
    this.name = name;
  }

  async state(): Promise<State> {
    const names = ["ActiveState", "SubState", "Result", "StatusText", "MainPID", "NRestarts", "ExecMainStatus"];
    const told = await this.machine.must("systemctl", "show", this.name, `--property=${names.join(",")}`);
    const values = Object.fromEntries(
      told.split("\n").map((line) => [line.split("=", 1)[0], line.replace(/^.*?=/, "")]),
    );
    const numbers = ["MainPID", "NRestarts", "ExecMainStatus"].map((name) => [name, Number(values[name])]);
    return { ...values, ...Object.fromEntries(numbers) };
  }

  /** Returns the state that it waited for. */
  async until(holds: (state: State) => boolean, what: string, waitMs = WAIT_MS): Promise<State> {
    const limit = performance.now() + waitMs;
    for (;;) {
      const state = await this.state();
      if (holds(state)) return state;
      if (performance.now() > limit) {
        assert.fail(
          `${this.name} is not ${what} within ${waitMs} ms: ${JSON.stringify(state)}\n${await this.journal()}`,
        );
      }
      await sleep(POLL_MS);
    }
  }

  /** What it and systemd have said of it. */
  journal(): Promise<string> {
    return this.machine.must("journalctl", "--no-pager", "--output=short-precise", `--unit=${this.name}`);
  }

  async untilSays(pattern: RegExp): Promise<void> {
    const limit = performance.now() + WAIT_MS;
    while (!pattern.test(await this.journal())) {
      assert.ok(performance.now() < limit, `${this.name} does not say ${pattern}`);
      await sleep(POLL_MS);
    }
  }

  /** A file of /proc/PID of its main process. */
  async proc(file: string): Promise<string> {
    const pid = await this.mainPidOnHost();
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  }

  /**
   * Folders and files that its main process could write to, by the kernel's own answer in that process's mount
   * namespace. What lies in a folder of the user is left out.
   */
  async writablePlaces(uid: number, gid: number): Promise<string[]> {
    const inside = ["--mount", "--root", "--wd", `--setuid=${uid}`, `--setgid=${gid}`];
    const rule = ["(", "-path", "/proc", "-o", "-path", "/sys", ")", "-prune"];
    const find = ["find", "/", ...rule, "-o", "-writable", "(", "-type", "d", "-o", "-type", "f", ")", "-print"];
    const target = `--target=${await this.mainPidOnHost()}`;
    return await new Promise((resolve) => {
      // It ends with 1, since folders that the user may not read are no reason to stop.
      execFile("/usr/bin/nsenter", [target, ...inside, "--", ...find], (_, stdout) => {
        const places = stdout.split("\n").filter(Boolean);
        resolve(places.filter((place) => !places.includes(dirname(place))));
      });
    });
  }

  /** The number that this host knows its main process by. */
  async mainPidOnHost(): Promise<number> {
    const { MainPID } = await this.state();
    return this.machine.pidOnHost(MainPID);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    process.kill(await this.mainPidOnHost(), signal);
  }
}
