/** What the process is and takes; read from V8 and the kernel when somebody asks, and never else. */
import { type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { getRawAsset } from "node:sea";
import { getHeapStatistics } from "node:v8";
import { readManifest } from "../../core/about.ts";
import { wallSeconds } from "../../core/log.ts";
import { privateKib } from "../../core/statistics.ts";
import type { Metrics } from "./runtime-text.ts";

/** Of the collections, in milliseconds; the last one is what a client may notice. */
const PAUSE_BOUNDS = [1, 5, 25, 100];
const KINDS = ["minor", "major", "incremental"];
const PAUSE_ROW = 8;
const PAUSE_SUM = 7;
const pauses = /* @__PURE__ */ makePauses();

function makePauses(): Float64Array {
  return new Float64Array(KINDS.length * PAUSE_ROW);
}

/** Costs 0.1 ms a collection, of which there are some ten a second under full load. */
export function watchCollections(): void {
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      // NODE_PERFORMANCE_GC_MINOR, NODE_PERFORMANCE_GC_MAJOR; steps of marking otherwise.
      const { kind } = (entry as PerformanceEntry & { detail: { kind: number } }).detail;
      const at = (kind === 1 ? 0 : kind === 4 ? 1 : 2) * PAUSE_ROW;
      let bucket = 0;
      while (bucket < PAUSE_BOUNDS.length && entry.duration > PAUSE_BOUNDS[bucket]!) bucket += 1;
      pauses[at + bucket]! += 1;
      pauses[at + PAUSE_SUM]! += entry.duration;
    }
  }).observe({ entryTypes: ["gc"] });
}

export function putProcess(m: Metrics): void {
  const { user, system } = process.cpuUsage();
  const heap = getHeapStatistics();
  m.metric("process_cpu_seconds", "counter", "CPU time, of the user and of the system.");
  m.value("", (user + system) / 1e6);
  m.metric("process_start_time_seconds", "gauge", "When the process started, in seconds since 1970 by today's clock.");
  m.value("", startSeconds());
  m.metric("process_resident_memory_bytes", "gauge", "Memory, files that the kernel may drop included.");
  m.value("", process.memoryUsage.rss());
  m.metric("process_private_memory_bytes", "gauge", "Memory, without the pages of files.");
  m.value("", privateKib() * 1024);
  m.metric("nodejs_heap_size_used_bytes", "gauge", "What V8's heap holds, garbage included.");
  m.value("", heap.used_heap_size);
  m.metric("nodejs_heap_size_limit_bytes", "gauge", "What V8's heap may hold.");
  m.value("", heap.heap_size_limit);
  m.metric("nodejs_external_memory_bytes", "gauge", "Buffers outside of V8's heap.");
  m.value("", heap.external_memory);
  m.metric("nodejs_gc_duration_seconds", "histogram", "Pauses for collecting garbage, by kind of collection.");
  for (const [i, kind] of KINDS.entries()) {
    m.histogram(`kind="${kind}"`, PAUSE_BOUNDS, pauses, i * PAUSE_ROW, i * PAUSE_ROW + PAUSE_SUM);
  }
  m.metric("hardwire_build", "info", "What this program was built from and with.");
  m.value(buildLabels(), 1);
}

let startedAt = 0;

/** A device may learn the time long after it started; but what is right must not wander with the clock's corrections. */
function startSeconds(): number {
  const seconds = wallSeconds() - process.uptime();
  if (Math.abs(seconds - startedAt) > 1) startedAt = Math.round(seconds * 1000) / 1000;
  return startedAt;
}

let labels = "";

/** `build` is what /opt and `status` call it. */
function buildLabels(): string {
  if (labels === "") {
    const { name, target, versions, sha256 } = readManifest();
    // Loaded for this alone, and not at the start.
    const hash = process.getBuiltinModule("node:crypto").createHash("sha256");
    const build = hash
      .update(new Uint8Array(getRawAsset("manifest.json")))
      .digest("hex")
      .slice(0, 12);
    labels = Object.entries({
      name,
      version: versions.hardwire,
      target,
      build,
      config_sha256: sha256.routes,
      target_sha256: sha256.target,
    })
      .map(([key, value]) => `${key}="${value}"`)
      .join();
  }
  return labels;
}
