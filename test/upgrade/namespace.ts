/**
 * A network of its own, with loopback and nothing else: fixed ports without neighbours, and settings of the kernel that
 * hold for nobody else. Needs root.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { atEnd } from "../harness.ts";

/** Why there is none; undefined if there can be one. For a test's `skip`. */
export const namespaceMissing =
  process.geteuid?.() === 0 ? undefined : "needs root, for a network namespace; .ci/run has it";

export class Namespace {
  readonly #holder: ChildProcess;

  /** @param migrates net.ipv4.tcp_migrate_req; the kernel's default is false */
  static async make(migrates: boolean): Promise<Namespace> {
    const script = `ip link set lo up && echo ${Number(migrates)} >/proc/sys/net/ipv4/tcp_migrate_req && echo made && exec sleep 3600`;
    const holder = spawn("unshare", ["--net", "sh", "-c", script], { stdio: ["ignore", "pipe", "inherit"] });
    atEnd(() => holder.kill("SIGKILL"));
    const [said] = await Promise.race([once(holder.stdout, "data"), once(holder, "exit")]);
    assert.equal(String(said), "made\n", "no network namespace could be made");
    return new Namespace(holder);
  }

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  /** The command that runs this one inside. */
  inside(file: string, ...args: string[]): [string, string[]] {
    return ["nsenter", [`--net=/proc/${this.#holder.pid}/ns/net`, file, ...args]];
  }
}
