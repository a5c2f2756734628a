/**
 * A build is for a device, and proves how much memory it may need there. On a smaller one it would serve for a while and
 * be killed under load, so it does not start.
 */
import { totalmem } from "node:os";

const MIB = 1_048_576;
/** The kernel rounds a limit down to whole pages, and these are its largest. */
const PAGE_BYTES = 65_536;

/** @throws Error with an `exitCode` if the machine, or what its cgroup lets it use of it, has less */
export function refuseSmallMachine(neededBytes: number): void {
  // Both work without /proc/meminfo, which a service may not see: sysinfo(2), and the files of cgroups, v1 or v2.
  const limitBytes = process.constrainedMemory();
  const machineBytes = totalmem();
  const isLimited = limitBytes > 0 && limitBytes < machineBytes;
  const bytes = isLimited ? limitBytes : machineBytes;
  if (bytes + PAGE_BYTES > neededBytes) return;
  const where = isLimited ? "its cgroup (MemoryMax=, MemoryHigh=) allows" : "this machine has";
  // Rounded apart, or both may be the same.
  const [neededMib, mib] = [Math.ceil(neededBytes / MIB), Math.floor(bytes / MIB)];
  const message = `built for a bigger device: it can need ${neededMib} MiB of memory, ${where} ${mib} MiB`;
  throw Object.assign(new Error(message), { exitCode: 78 });
}
