/** Drives one program with wrk for a while, and gives what it answered and what that cost it. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { LOAD_CORE, readCoreTime } from "./processes.ts";

export interface Load {
  readonly method: "GET" | "POST";
  /** Asked for in turn. */
  readonly paths: readonly string[];
  readonly connections: number;
  /** Of each request. */
  readonly bodyBytes: number;
}

/** One run of wrk against one program. */
export interface Sample {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly cpuUsPerRequest: number;
  /** Of the time; what it had to wait for its core because of other work on the machine. */
  readonly waitedShare: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/**
 * The request is made once, in `init`: wrk then repeats it without running Lua. Several paths are formatted beforehand
 * and only picked in turn.
 */
export function writeScript(dir: string, name: string, { method, paths, bodyBytes }: Load): string {
  const path = join(dir, `${name}.lua`);
  const turn =
    paths.length === 1
      ? ""
      : `local paths = { ${paths.map((p) => JSON.stringify(p)).join(", ")} }
local requests = {}
local at = 0
init = function(args)
  for i, path in ipairs(paths) do requests[i] = wrk.format(nil, path) end
end
request = function()
  at = at % #requests + 1
  return requests[at]
end
`;
  writeFileSync(
    path,
    `wrk.method = "${method}"
${bodyBytes > 0 ? `wrk.body = string.rep("x", ${bodyBytes})` : ""}
${turn}done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('\\n{"requests":%d,"us":%d,"p50":%d,"p99":%d,"failed":%d}\\n', summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
`,
  );
  return path;
}

/** @throws Error if any request failed: a figure with errors in it says nothing */
export async function drive(
  pid: number,
  port: number,
  load: Load,
  scriptPath: string,
  seconds: number,
): Promise<Sample> {
  const url = `http://127.0.0.1:${port}${load.paths[0]}`;
  const wrk = ["wrk", "-t1", `-c${load.connections}`, `-d${seconds}`, "--timeout", "10s", "-s", scriptPath, url];
  const args = ["--pdeathsig", "TERM", "taskset", "-c", String(LOAD_CORE), ...wrk];
  const before = readCoreTime(pid);
  const { stdout } = await promisify(execFile)("/usr/bin/setpriv", args, { timeout: (seconds + 15) * 1000 });
  const after = readCoreTime(pid);
  const line = stdout.trimEnd().split("\n").at(-1) ?? "";
  const { requests, us, p50, p99, failed } = JSON.parse(line) as Record<string, number>;
  if (failed !== 0 || !requests) throw new Error(`${url}: ${failed} of ${requests} requests failed\n${stdout}`);
  return {
    requests,
    requestsPerSecond: requests / (us! / 1e6),
    cpuUsPerRequest: (after.usedUs - before.usedUs) / requests,
    waitedShare: (after.waitedUs - before.waitedUs) / us!,
    p50Us: p50!,
    p99Us: p99!,
  };
}
