/** A log on a disk that is full, and has room again once the log was rotated: no line in pieces, none that nobody counts. */
import assert from "node:assert/strict";
import { truncateSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../harness/held.ts";
import { Logged } from "../harness/logged.ts";
import { JSON_ROUTES, JSON_TARGET } from "../harness/logged-gateway.ts";
import { ask, Client, get, pack, ports } from "../harness.ts";

/** In the middle of a line. */
const DISK_BYTES = 40_001;
const file = await pack(JSON_ROUTES, JSON_TARGET);

async function counted(what: string): Promise<number> {
  const page = (await ask(ports.admin, get("/metrics"))).body.toString();
  return Number(new RegExp(`^gateway_log_lines${what}_total (\\d+)$`, "m").exec(page)![1]);
}

/** Until none waits for the next tick of the clock. */
async function pings(count: number): Promise<void> {
  const client = await Client.open(ports.device);
  for (let i = 0; i < count; i++) {
    client.send(get(`/ping?${"x".repeat(i % 200)}`));
    assert.equal((await client.answer()).status, 200);
  }
  client.close();
  await sleep(300);
}

const isOfRequest = (line: string): boolean => line !== "" && !/^(<\d>)?logged: /.test(line);

test("rotated by copy and truncate, the pieces of a line are in both files, and what is missing was counted", async () => {
  const logged = await Logged.file(file).serving();
  logged.limitFiles(DISK_BYTES);
  await pings(300);
  await until(() => logged.output.length === DISK_BYTES, "the disk to be full");
  const old = logged.output;
  truncateSync(logged.path);
  await pings(20);
  await until(() => / log lines lost/.test(logged.output), "what was lost to be told", 15_000);
  await until(() => logged.output.endsWith("\n"), "the last line");
  const [written, dropped] = [await counted(""), await counted("_dropped")];
  assert.equal(written + dropped, 320);
  const lines = `${old}${logged.output}`.split("\n").filter(isOfRequest);
  for (const line of lines) JSON.parse(line.slice("<6>".length));
  assert.equal(lines.length, written);
  assert.equal(Number(/(\d+) log lines lost/.exec(logged.output)![1]), dropped);
  await logged.stop();
});
