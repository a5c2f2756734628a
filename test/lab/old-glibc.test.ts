/** A device whose C library is older than what a build needs: Debian 11, glibc 2.31. Long form only. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NAME, tryInstall } from "./gateway.ts";
import { Machine } from "./machine.ts";
import { inFullForm, labMissing } from "./needs.ts";
import { Unit } from "./unit.ts";

/** The unit's StartLimitBurst=, RestartSec= apart. */
const STARTS_MAX = 10;
const GIVE_UP_MS = 120_000;

test("on an older glibc the package is refused; forced upon it, it says so, and is not started for ever", {
  skip: labMissing || inFullForm,
}, async () => {
  const machine = await Machine.boot({ suite: "bullseye" });
  const refused = await tryInstall(machine, {});
  assert.equal(refused.code, 100);
  assert.match(refused.stdout, /lab-gw : Depends: libc6 \(>= 2\.36\) but 2\.31-\S+ is to be installed/);
  assert.equal((await machine.run(["systemctl", "cat", NAME])).code, 1, "nothing of it is there");

  await machine.must("sh", "-c", `dpkg --install --force-depends /root/${NAME}_*.deb`);
  const unit = new Unit(machine, `${NAME}.service`);
  const { ExecMainStatus, NRestarts } = await unit.until(
    ({ ActiveState, SubState }) => ActiveState === "failed" && SubState === "failed",
    "failed",
    GIVE_UP_MS,
  );
  assert.ok(NRestarts <= STARTS_MAX, `${NRestarts} restarts`);
  assert.equal(ExecMainStatus, 71);
  assert.match(
    await unit.journal(),
    /the loader refuses the network library: .*libc\.so\.6: version `GLIBC_2\.3\d' not found/,
  );
});
