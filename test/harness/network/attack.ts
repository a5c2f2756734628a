/**
 * The attack of test/harness/attack.ts in a network of its own. Its arguments: the gateway's port, the origin's, how
 * many ms. When it is over it answers with what became of small requests meanwhile and after (an `Attacked`).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { keepBusy, probe, startAttack, startAttackedOrigin } from "../attack.ts";

export interface Attacked {
  readonly attackers: number;
  readonly during: Readonly<Record<string, number>>;
  readonly after: Readonly<Record<string, number>>;
}

/** Clients that behave, but never rest. */
const BUSY = 4;
const SETTLE_MS = 1000;
const PROBES_AFTER = 50;

const [port, originPort, attackMs] = process.argv[2]!.split(",").map(Number) as [number, number, number];

process.on("disconnect", () => process.exit());
await startAttackedOrigin(originPort);
process.send!("ready");

let isOver = false;
const busy = Array.from({ length: BUSY }, () => keepBusy(port, () => isOver));
const attack = startAttack(port);
const during: Record<string, number> = {};
const after: Record<string, number> = {};
for (const endMs = performance.now() + attackMs; performance.now() < endMs; await sleep(20)) {
  count(during, await probe(port));
}
isOver = true;
attack.stop();
await Promise.all(busy);
await sleep(SETTLE_MS);
for (let n = 0; n < PROBES_AFTER; n++) count(after, await probe(port));
process.send!({ attackers: attack.opened(), during, after } satisfies Attacked);

function count(outcomes: Record<string, number>, outcome: string): void {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
}
