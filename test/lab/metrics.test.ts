/** Metrics of a service as it is generated: a file that others may read, a socket, and nothing counted that no client sent. */
import assert from "node:assert/strict";
import { get } from "node:http";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { lint, seriesOf, skipWithoutPromtool } from "../../src/features/metrics/test/scrape.ts";
import { bootInstalled, fetchText, NAME, PORT, ROUTES, TARGET, WATCHDOG_MS } from "./gateway.ts";
import { isFull, labMissing } from "./needs.ts";

const FILE = `/run/${NAME}/${NAME}.prom`;
const SOCKET = `/run/${NAME}/admin.sock`;
const routes = {
  ...ROUTES,
  observability: { metrics: { listener: "admin", textfile: { path: FILE, interval: "1s" } } },
};
const target = { ...TARGET, listeners: { ...TARGET.listeners, admin: { address: `unix:${SOCKET}` } } };

/** All requests that were counted. */
function requestsIn(text: string): number {
  const counts = [...seriesOf(text)].filter(([series]) => series.startsWith("http_requests_total{"));
  return counts.reduce((sum, [, count]) => sum + count, 0);
}

function fetchPage(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ socketPath, path: "/metrics" }, (answer) => resolve(text(answer))).on("error", reject);
  });
}

test("node_exporter's user reads the file, and the watchdog's requests are not in it", {
  skip: labMissing || (!isFull && "part of make device-test") || skipWithoutPromtool,
}, async () => {
  const { machine } = await bootInstalled({ routes, target });
  const readFile = () => machine.must("runuser", "-u", "nobody", "--", "cat", FILE);
  await sleep(1500);
  const first = await readFile();
  assert.equal(lint(first), "");
  assert.match(first, new RegExp(`^hardwire_build_info\\{name="${NAME}"`, "m"));
  await sleep(WATCHDOG_MS + 1500);
  assert.equal(requestsIn(await readFile()), requestsIn(first));
  for (let i = 0; i < 3; i++) await fetchText(machine, "/fixed", PORT);
  const page = await fetchPage(`/proc/${machine.init}/root${SOCKET}`);
  assert.equal(requestsIn(page), requestsIn(first) + 3);
});
