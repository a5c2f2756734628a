/** `make run` as a person runs it: a terminal's process group, an answer at the printed address, Ctrl-C. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { atEnd, ports, runFolder } from "../harness.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

/** The shipped file on ports of this run. */
function onOwnPorts(file: string): string {
  const text = readFileSync(join(REPOSITORY, file), "utf8");
  const moved = text
    .replaceAll("127.0.0.1:3000", `127.0.0.1:${ports.origin}`)
    .replaceAll("127.0.0.1:8080", `127.0.0.1:${ports.device}`);
  assert.notEqual(moved, text);
  const copy = join(runFolder(), file.replaceAll("/", "-"));
  writeFileSync(copy, moved);
  return copy;
}

const folder = runFolder();
const settings = [
  `ROUTES=${onOwnPorts("routes/quickstart.yaml")}`,
  `TARGET=${onOwnPorts(`targets/linux-${process.arch}.yaml`)}`,
  `OUT=${join(folder, "quickstart")}`,
];

function makeRun() {
  // A group of its own, as a shell gives each job, so that the interrupt reaches all of it and none of us.
  const child = spawn("make", ["run", ...settings], { cwd: REPOSITORY, detached: true });
  const group = -child.pid!;
  atEnd(() => {
    if (child.exitCode === null && child.signalCode === null) process.kill(group, "SIGKILL");
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text) => {
      said += text;
    });
  }
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { group, exited, said: () => said, ended: () => child.exitCode !== null };
}

async function untilSaid(run: ReturnType<typeof makeRun>, pattern: RegExp, withinMs: number): Promise<void> {
  const limit = Date.now() + withinMs;
  while (!pattern.test(run.said())) {
    assert.ok(!run.ended() && Date.now() < limit, run.said());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Command lines of processes that run something of this test. */
function leftovers(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
      } catch {
        return "";
      }
    })
    .filter((line) => line.includes(join(folder, "quickstart")));
}

for (const round of ["first", "second"]) {
  test(`the ${round} make run answers at the printed address, and Ctrl-C leaves nothing running`, async () => {
    const run = makeRun();
    await untilSaid(run, /Ctrl-C stops both/, round === "first" ? 60_000 : 10_000);
    const lines = run.said().match(/^ {2}curl .*$/gm) ?? [];
    assert.equal(lines.length, 3, run.said());
    const [hello, echo, walk] = lines.map((line) =>
      execFileSync("sh", ["-c", line.replace("curl", "curl -sS")], { encoding: "utf8" }),
    );
    assert.match(hello!, /^HTTP\/1\.1 200 OK\r\n.*"x-forwarded-for": "127\.0\.0\.1".*"via": "1\.1 quickstart"/s);
    assert.equal(echo, "some text");
    assert.match(walk!, /^HTTP\/1\.1 400 Bad Request\r\n.*problem\+json/s);
    process.kill(run.group, "SIGINT");
    await run.exited;
    assert.doesNotMatch(run.said(), /error|\d cut/i, "a clean end");
    assert.deepEqual(leftovers(), []);
  });
}

test("a port of the demo that is taken is one line, and the gateway is not started", async () => {
  const stranger = createServer();
  await new Promise<void>((resolve) => stranger.listen(ports.origin, "127.0.0.1", resolve));
  const run = makeRun();
  await run.exited;
  await new Promise((resolve) => stranger.close(resolve));
  assert.match(run.said(), new RegExp(`^demo: cannot listen on 127\\.0\\.0\\.1:${ports.origin}: EADDRINUSE`, "m"));
  assert.deepEqual(leftovers(), []);
});
