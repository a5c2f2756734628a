/**
 * The unit's MemoryHigh=, kept by a kernel that has it (cgroup version 2): what goes beyond is slowed down, not ended.
 * Long form only.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HOST_TARGET } from "../harness/device.ts";
import { emulatorMissing, visit } from "./emulated.ts";
import { makeDeb, NAME, PORT } from "./gateway.ts";
import { inFullForm, labMissing } from "./needs.ts";

const ARCHITECTURE = process.arch as "x64" | "arm64";
const skip = labMissing || inFullForm || emulatorMissing(ARCHITECTURE);
/** Of one process, so that its memory and that of who fills it up fit into the machine's. */
const TARGET = {
  target: HOST_TARGET,
  listeners: { public: { address: `127.0.0.1:${PORT}` } },
  limits: { connections: 64, in_flight: 8 },
  service: { manager: "systemd" },
  package: { maintainer: "Device Lab <lab@example.net>" },
};
/** With an emulated processor on a busy host. */
const EMULATED_START_S = 300;
const PAGE_BYTES = 65_536;
/** What a MiB costs beyond the bound, in what it costs below. Without a bound it is one. */
const SLOWER_MIN = 5;
const LIMIT_MS = 840_000;

const SCRIPT = `
mkdir --parents /etc/systemd/system/${NAME}.service.d
printf '[Service]\nTimeoutStartSec=${EMULATED_START_S}\n' >/etc/systemd/system/${NAME}.service.d/emulated.conf
dpkg --install /lab/gateway.deb >/dev/null
cgroup=/sys/fs/cgroup/system.slice/${NAME}.service
state() { systemctl show ${NAME} --property=ActiveState,MainPID,NRestarts | sort | tr '\\n' ' '; }
ask() {
  for i in {1..10}; do
    exec 3<>/dev/tcp/127.0.0.1/${PORT}
    printf 'GET /fixed HTTP/1.1\\r\\nHost: lab\\r\\nConnection: close\\r\\n\\r\\n' >&3
    [[ $(cat <&3) == *fixed ]]
  done
}
ask
echo "before=$(state)"
systemctl show ${NAME} --property=MemoryHigh,MemoryMax
echo "high=$(<$cgroup/memory.high)"
echo "max=$(<$cgroup/memory.max)"

# Takes a MiB at a time until it is halfway from the one bound to the other.
perl -e '
  my ($cgroup, $high, $max) = @ARGV;
  open(my $processes, ">", "$cgroup/cgroup.procs"); print $processes "$$\\n"; close $processes;
  sub used { open(my $file, "<", "$cgroup/memory.current"); return <$file> + 0 }
  sub seconds { open(my $file, "<", "/proc/uptime"); return (split / /, <$file>)[0] }
  my (@taken, $below);
  my $start = seconds();
  while (used() < ($high + $max) / 2) {
    push @taken, "x" x (1 << 20);
    next if $below || used() < $high;
    $below = @taken;
    print "below=", (seconds() - $start) / $below, "\n";
    $start = seconds();
  }
  print "above=", (seconds() - $start) / (@taken - $below), "\n";
  print "used=", used(), "\n";
  $| = 1; print "full\\n";
  sleep 1000;
' $cgroup $(<$cgroup/memory.high) $(<$cgroup/memory.max) >/lab/hog &
hog=$!
until grep --quiet full /lab/hog; do sleep 1; done
cat /lab/hog
ask
echo "during=$(state)"
sed --quiet 's/^\\(high\\|max\\|oom_kill\\) /events_\\1=/p' $cgroup/memory.events
kill $hog
wait $hog || true
ask
echo "left=$(<$cgroup/memory.current)"
echo "after=$(state)"
`;

test("beyond MemoryHigh= and under MemoryMax= nothing is ended, what takes more is slowed down, and every request is answered", {
  skip,
}, async (context) => {
  const files = { "/lab/gateway.deb": await makeDeb({ target: TARGET }) };
  const said = await visit({ architecture: ARCHITECTURE, files, script: SCRIPT, limitMs: LIMIT_MS });
  const text = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(said)?.[1] ?? assert.fail(`${name}: ${said}`);
  const number = (name: string) => Number(text(name));
  const [high, max, used] = [number("high"), number("max"), number("used")];
  assert.ok(number("MemoryHigh") - high < PAGE_BYTES && number("MemoryMax") - max < PAGE_BYTES, said);
  assert.ok(used > high && used < max, `${used} bytes`);
  assert.ok(number("events_high") > 0);
  assert.deepEqual([number("events_max"), number("events_oom_kill")], [0, 0]);
  assert.match(text("before"), /^ActiveState=active MainPID=\d+ NRestarts=0 $/);
  assert.deepEqual([text("during"), text("after")], [text("before"), text("before")]);
  const slower = number("above") / number("below");
  assert.ok(slower > SLOWER_MIN, `${slower} times`);
  assert.ok(number("left") < high);
  context.diagnostic(`a MiB takes ${Math.round(slower)} times as long beyond MemoryHigh=`);
});
