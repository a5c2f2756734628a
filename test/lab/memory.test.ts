/** The memory bound of the unit, kept by systemd, while every limit of the gateway is exceeded at once. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { dirname } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { attack } from "../harness/network/start.ts";
import { ATTACKED, bootInstalled, makeDeb, NAME, ORIGIN_PORT, PORT } from "./gateway.ts";
import { isFull, labMissing } from "./needs.ts";

const ATTACK_MS = isFull ? 60_000 : 4000;
const CGROUP = `/sys/fs/cgroup/memory/system.slice/${NAME}.service`;
const PAGE_BYTES = 4096;
const HARDWIRE = fileURLToPath(new URL("../../build/launch.mjs", import.meta.url));

/** The sum that hardwire explains. */
async function provenBytes(): Promise<number> {
  const folder = dirname(await makeDeb(ATTACKED));
  const command = [HARDWIRE, "explain", "routes.json", "--target", "target.json", "--json"];
  return JSON.parse(execFileSync(process.execPath, command, { cwd: folder, encoding: "utf8" })).memory.total;
}

test(`attacked for ${ATTACK_MS / 1000} s within the unit's MemoryMax=, it is not killed and serves as before`, {
  skip: labMissing,
}, async (context) => {
  const unit = await bootInstalled(ATTACKED);
  const { machine } = unit;
  const before = await unit.state();
  const bounds = await machine.must("systemctl", "show", NAME, "--property=MemoryHigh,MemoryMax");
  const [highBytes, maxBytes] = ["High", "Max"].map((name) =>
    Number(new RegExp(`^Memory${name}=(\\d+)$`, "m").exec(bounds)?.[1]),
  );
  // Of two builds, in whole KiB; that a kernel keeps it is memory-high.test.ts.
  assert.equal(highBytes, 2 * Math.ceil((await provenBytes()) / 1024) * 1024);
  const limitBytes = Number(await machine.must("cat", `${CGROUP}/memory.limit_in_bytes`));
  assert.ok(limitBytes > maxBytes! - PAGE_BYTES && limitBytes <= maxBytes!, `${limitBytes} of ${maxBytes}`);
  await machine.must("dd", `if=/proc/${before.MainPID}/exe`, "iflag=nocache", "count=0");

  const { attackers, during, after } = await attack(machine, PORT, ORIGIN_PORT, ATTACK_MS);
  const state = await unit.state();
  assert.deepEqual([state.MainPID, state.NRestarts], [before.MainPID, 0], await unit.journal());
  assert.match(await machine.must("cat", `${CGROUP}/memory.oom_control`), /^oom_kill 0$/m);
  assert.deepEqual(after, { 200: 50 });
  assert.ok(during["503"] || during.closed, "limits were reached");
  const peakBytes = Number(await machine.must("cat", `${CGROUP}/memory.max_usage_in_bytes`));
  context.diagnostic(`${attackers} attackers; small requests meanwhile: ${JSON.stringify(during)}`);
  context.diagnostic(`${peakBytes} of ${maxBytes} bytes at most`);
});
