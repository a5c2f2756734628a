/** One scenario's outcome for people: what each program costs a request, then each beside another. */
import type { Outcome } from "./measure.ts";

export function showOutcome({ programs, ratios }: Outcome): void {
  for (const [name, program] of Object.entries(programs)) {
    const { cpuUsPerRequest, requestsPerSecond, p50Us, p99Us, waitedShare } = program;
    const waited = `waited ${(waitedShare * 100).toFixed(0)} % of the time for its core`;
    const pace = `${requestsPerSecond.toFixed(0)}/s, p50 ${p50Us} µs, p99 ${p99Us} µs`;
    console.log(`  ${name.padEnd(20)} ${cpuUsPerRequest.toFixed(2)} µs, ${pace}, ${waited}`);
  }
  for (const [name, { cpu, cpuRounds, p50, p99 }] of Object.entries(ratios)) {
    const range = `${Math.min(...cpuRounds).toFixed(2)} to ${Math.max(...cpuRounds).toFixed(2)}`;
    console.log(`  ${name.padEnd(20)} ${cpu.toFixed(3)} (${range}), p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)}`);
  }
}
