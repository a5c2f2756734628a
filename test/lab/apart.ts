/**
 * Starts a command as process 1 of namespaces of its own (PIDs, mounts): all that it starts and mounts ends with it, and
 * it ends with this process, however that ends.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

export type Architecture = "x64" | "arm64";
export type Apart = ChildProcessByStdio<Writable, Readable, Readable>;

const FOREIGN = fileURLToPath(new URL("foreign.sh", import.meta.url));
/** Every user and group is who it is. */
const ALL_NUMBERS = "0 0 4294967295";

/** @param architecture of the executables it runs; other than the host's, in a user namespace where qemu runs them */
export function startApart(command: readonly string[], architecture: Architecture): Apart {
  const isForeign = architecture !== process.arch;
  const namespaces = ["--mount", "--pid", "--fork", "--kill-child", isForeign ? "--user" : "--mount-proc"];
  const wrapped = isForeign ? ["/bin/sh", FOREIGN, ...command] : command;
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "unshare", ...namespaces, "--", ...wrapped], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => {});
  if (!isForeign) child.stdin.end();
  else {
    child.stdout.once("data", () => {
      for (const map of ["uid_map", "gid_map"]) writeFileSync(`/proc/${child.pid}/${map}`, ALL_NUMBERS);
      child.stdin.end("mapped\n");
    });
  }
  return child;
}
