/**
 * Where hardwire's time and garbage go: runs the bundle with the executable's own options, not the executable, since
 * that one takes no further ones, under the small-GET load. Prints the functions by self time, the shares by kind, and what the garbage collector did.
 *
 *   node bench/profile.ts [seconds]
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundle } from "../build/bundle.ts";
import { check } from "../build/compile.ts";
import { emit } from "../build/emit/index.ts";
import { nodeOptions } from "../build/node-options.ts";
import { prepareAddon } from "../build/runtime.ts";
import { writeGatewayFiles } from "./gateway.ts";
import { drive, type Load, type Sample, writeScript } from "./load.ts";
import { prepareOrigin } from "./peers.ts";
import { PROXY_CORE, startPinned } from "./processes.ts";
import { findFreePorts, waitReady } from "./ready.ts";
import { makeRunDir } from "./run-dir.ts";

const REPOSITORY = join(import.meta.dirname, "..");
const SMALL_GET: Load = { method: "GET", paths: ["/small"], connections: 64, bodyBytes: 0 };
const INTERVAL_US = 200;
const SHOWN = 30;
const WARM_SECONDS = 2;
/** `… Scavenge 5.2 (6.0) -> 4.5 (7.0) MB, pooled: 0 MB, 0.50 / 0.00 ms …`; sizes are to 0.1 MB. */
const COLLECTION =
  /: (Scavenge|Mark-Compact)[^0-9]* ([\d.]+) \([\d.]+\) -> ([\d.]+) \([\d.]+\) MB.*?([\d.]+) \/ [\d.]+ ms/g;

const seconds = Number(process.argv[2] ?? 5);
const dir = makeRunDir();
await profile();

async function profile(): Promise<void> {
  const [port = 0, originPort = 0] = await findFreePorts(2);
  const program = await makeBundle(port, originPort);
  const script = writeScript(dir, "small", SMALL_GET);
  const origin = prepareOrigin(dir, originPort).start();
  const log = join(dir, "stdout");
  const run = async (flags: readonly string[]): Promise<Run> => {
    const command = [
      "-c",
      `exec "$0" "$@" > ${log}`,
      process.execPath,
      ...nodeOptions(undefined),
      ...flags,
      ...program,
    ];
    const gateway = startPinned(PROXY_CORE, "/bin/sh", command);
    await waitReady(port, "/small", performance.now());
    // Compiled and warm before it counts.
    await drive(gateway.pid, port, SMALL_GET, script, WARM_SECONDS);
    const warm = readFileSync(log, "utf8").length;
    const sample = await drive(gateway.pid, port, SMALL_GET, script, seconds);
    const printed = readFileSync(log, "utf8").slice(warm);
    const [userUs, systemUs] = readTimesUs(gateway.pid);
    await gateway.stop();
    return { sample, printed, userUs, systemUs };
  };
  try {
    const plain = await run([]);
    const { cpuUsPerRequest, requestsPerSecond } = plain.sample;
    const system = plain.systemUs / (plain.userUs + plain.systemUs);
    console.log(
      `${cpuUsPerRequest.toFixed(2)} µs CPU a request, ${requestsPerSecond.toFixed(0)}/s, ` +
        `${(system * 100).toFixed(0)} % of it in the kernel`,
    );
    const traced = await run(["--trace-gc"]);
    printGarbage(traced.printed, traced.sample.requests);
    const profiled = await run([
      "--cpu-prof",
      `--cpu-prof-interval=${INTERVAL_US}`,
      `--cpu-prof-dir=${join(dir, "prof")}`,
    ]);
    const [file = ""] = readdirSync(join(dir, "prof"));
    printProfile(JSON.parse(readFileSync(join(dir, "prof", file), "utf8")) as CpuProfile, profiled);
  } finally {
    await origin.stop();
  }
}

interface Run {
  readonly sample: Sample;
  /** Standard output while it counted. */
  readonly printed: string;
  /** Since the start. */
  readonly userUs: number;
  readonly systemUs: number;
}

/** User and system time since the start, of all threads; clock ticks of 10 ms. */
function readTimesUs(pid: number): [number, number] {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return [Number(fields[11]) * 10_000, Number(fields[12]) * 10_000];
}

/** What to run: a preload that stands in for the executable's assets, and the bundle. */
async function makeBundle(port: number, originPort: number): Promise<string[]> {
  const files = writeGatewayFiles(dir, "profiled", port, originPort, { routeCount: 1, pipelining: 1 });
  const { design } = await check(files.routes, files.target);
  if (design === undefined) throw new Error("the generated routes file does not check");
  const generated = join(dir, "generated");
  mkdirSync(generated);
  await emit(design.plan, generated);
  const { code } = await bundle({ repository: REPOSITORY, generated, features: design.plan.features });
  const path = join(dir, "gateway.cjs");
  writeFileSync(path, code);
  const addon = await prepareAddon(design.plan.target);
  const preload = join(dir, "assets.cjs");
  writeFileSync(
    preload,
    `const { readFileSync } = require("node:fs");
require("node:sea").getRawAsset = () => { const b = readFileSync(${JSON.stringify(addon.path)}); return b.buffer.slice(b.byteOffset, b.byteOffset + b.length); };
`,
  );
  return ["--require", preload, path];
}

function printGarbage(log: string, requests: number): void {
  const all = [...log.matchAll(COLLECTION)].map(([, kind, before, after, ms]) => ({
    kind,
    beforeMb: Number(before),
    afterMb: Number(after),
    ms: Number(ms),
  }));
  let allocatedMb = 0;
  for (let i = 1; i < all.length; i++) allocatedMb += all[i]!.beforeMb - all[i - 1]!.afterMb;
  const scavenges = all.filter(({ kind }) => kind === "Scavenge").length;
  const ms = all.reduce((sum, one) => sum + one.ms, 0);
  // What was allocated before the first collection and after the last is about one young generation: n of n - 1.
  const bytes = ((allocatedMb * all.length) / (all.length - 1) / requests) * (1 << 20);
  console.log(
    `${(scavenges / seconds).toFixed(1)} scavenges/s, ${all.length - scavenges} mark-compacts in ${seconds} s, ` +
      `${((ms / seconds / 1000) * 100).toFixed(2)} % of the time, longest ${Math.max(...all.map((one) => one.ms))} ms, ` +
      `${bytes.toFixed(0)} B allocated a request`,
  );
}

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/**
 * V8 takes all time in the event loop's native part for idle, reads and uWS's parsing included: that part is what the
 * process spent beyond its JavaScript.
 */
function printProfile(profile: CpuProfile, { userUs, systemUs }: Run): void {
  const byId = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const byFunction = new Map<string, number>();
  const byKind = new Map<string, number>();
  let inJavaScriptUs = 0;
  profile.samples.forEach((id, i) => {
    const { functionName, url, lineNumber } = byId.get(id)!;
    if (["(idle)", "(root)", "(program)"].includes(functionName)) return;
    const us = profile.timeDeltas[i]!;
    inJavaScriptUs += us;
    const place = url === "" ? "" : ` ${url.split("/").at(-1)}:${lineNumber + 1}`;
    add(byFunction, `${functionName || "(anonymous)"}${place}`, us);
    add(byKind, kindOf(functionName, url), us);
  });
  const total = Math.max(userUs + systemUs, inJavaScriptUs);
  add(byKind, "native outside JavaScript: event loop, reads, uWS's parser", total - inJavaScriptUs);
  for (const [title, map] of [
    ["Kinds", byKind],
    ["Functions by self time", byFunction],
  ] as const) {
    console.log(`\n${title}:`);
    for (const [name, us] of [...map].sort((a, b) => b[1] - a[1]).slice(0, SHOWN)) {
      console.log(`${((us / total) * 100).toFixed(1).padStart(6)} %  ${name}`);
    }
  }
}

function kindOf(functionName: string, url: string): string {
  if (functionName === "(garbage collector)") return "garbage collection";
  if (url === "") return "native functions with a frame of their own";
  return url.startsWith("node:") ? "Node's own JavaScript" : "hardwire's JavaScript, and uWS's functions it calls";
}

function add(map: Map<string, number>, key: string, value: number): void {
  map.set(key, (map.get(key) ?? 0) + value);
}
