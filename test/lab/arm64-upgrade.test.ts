/**
 * Builds that take over from each other on arm64, with an arm64 kernel: under qemu-user (arm64.test.ts) they cannot know
 * each other, since there qemu is the file of every process. Long form only.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emulatorMissing, visit } from "./emulated.ts";
import { makeDeb, NAME, NEXT_ROUTES, PORT, TARGET } from "./gateway.ts";
import { inFullForm, labMissing } from "./needs.ts";

const skip = labMissing || inFullForm || emulatorMissing("arm64");
/** With the times of an emulated processor on a busy host. */
const ARM_TARGET = {
  ...TARGET,
  target: "linux-arm64",
  service: { manager: "systemd" },
  update: { ready_within: "300s", probation: "10s" },
};
const LIMIT_MS = 840_000;

const SCRIPT = `
mkdir --parents /etc/systemd/system/${NAME}.service.d
printf '[Service]\\nTimeoutStartSec=300\\n' >/etc/systemd/system/${NAME}.service.d/emulated.conf
ask() {
  exec 3<>/dev/tcp/127.0.0.1/${PORT}
  printf 'GET /fixed HTTP/1.1\\r\\nHost: lab\\r\\nConnection: close\\r\\n\\r\\n' >&3
  cat <&3 | tail --lines=1
}
look() {
  echo "$1 answers $(ask)"
  echo "$1 is $(systemctl show ${NAME} --property=ActiveState,NRestarts | sort | xargs)"
  echo "$1 status $(/opt/${NAME}/current/${NAME} status --json | tr '\\n' ' ')"
}
uname --machine
dpkg --install /lab/one.deb
look installed
dpkg --install /lab/two.deb
look upgraded
/opt/${NAME}/current/${NAME} rollback
look back
systemctl stop ${NAME}
systemctl show ${NAME} --property=Result
`;

test("arm64 with a kernel of its own: a build takes over from the running one, and the one before comes back", {
  skip,
}, async () => {
  const first = await makeDeb({ target: ARM_TARGET });
  const second = await makeDeb({ target: ARM_TARGET, routes: NEXT_ROUTES, release: "1.1.0" });
  const files = { "/lab/one.deb": first, "/lab/two.deb": second };
  const said = await visit({ architecture: "arm64", files, script: SCRIPT, limitMs: LIMIT_MS });
  const says = (pattern: RegExp) => pattern.exec(said)?.[1] ?? assert.fail(`${pattern}: ${said}`);
  const stages = ["installed", "upgraded", "back"].map((stage) => ({
    answer: says(new RegExp(`^${stage} answers (.*)$`, "m")),
    service: says(new RegExp(`^${stage} is (.*)$`, "m")),
    status: JSON.parse(says(new RegExp(`^${stage} status (.*)$`, "m"))),
  }));
  assert.match(said, /^aarch64$/m);
  assert.deepEqual(
    stages.map(({ answer }) => answer),
    ["fixed", "next", "fixed"],
  );
  for (const { service, status } of stages) {
    assert.equal(service, "ActiveState=active NRestarts=0");
    assert.equal(status.running.build, status.current, "it is known what runs");
  }
  const [installed, upgraded, back] = stages.map(({ status }) => status);
  assert.deepEqual([upgraded.previous, back.current], [installed.current, installed.current]);
  assert.notEqual(upgraded.current, installed.current);
  assert.match(said, /^Result=success$/m);
});
