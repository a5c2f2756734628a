/** A package whose build can take over from another, in place of one that cannot, and the other way round. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bootInstalled, fetchText, install, NAME, NEXT_ROUTES, TARGET } from "./gateway.ts";
import { inFullForm, labMissing } from "./needs.ts";

const { update: _, ...WITHOUT_UPDATE } = TARGET;

test("whether a build can take over or not, its package brings it to run, and the last one leaves nothing", {
  skip: labMissing || inFullForm,
}, async () => {
  const unit = await bootInstalled({ target: WITHOUT_UPDATE });
  const { machine } = unit;
  assert.equal(await fetchText(machine, "/fixed"), "fixed");

  await install(machine, { routes: NEXT_ROUTES, release: "1.1.0" });
  assert.equal(await fetchText(machine, "/fixed"), "next");
  const status = JSON.parse(await machine.must(`/opt/${NAME}/current/${NAME}`, "status", "--json"));
  assert.equal(status.running.build, status.current);

  await install(machine, { target: WITHOUT_UPDATE, release: "1.2.0" });
  assert.equal(await fetchText(machine, "/fixed"), "fixed");
  await machine.must("apt-get", "purge", "--yes", NAME);
  assert.equal(await machine.must("sh", "-c", `ls -d /opt/${NAME} /usr/lib/${NAME} 2>/dev/null || true`), "");
});
