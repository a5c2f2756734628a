/** The gateway that the lab's machines run: everything goes to one origin, but /fixed, which it answers itself. */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ATTACKED_LIMITS } from "../harness/attack.ts";
import { HOST_TARGET, pack } from "../harness/device.ts";
import { runFolder } from "../harness/run-folder.ts";
import { Disk, Machine, type Ran } from "./machine.ts";
import { Unit } from "./unit.ts";

export const NAME = "lab-gw";
export const PORT = 8080;
export const ORIGIN_PORT = 3001;
/** Under qemu, on a busy host. */
const INSTALL_MS = 240_000;
export const DRAIN_MS = 15_000;
export const WATCHDOG_MS = 5000;
const HARDWIRE = fileURLToPath(new URL("../../build/launch.mjs", import.meta.url));

export const ROUTES = {
  version: 1,
  name: NAME,
  defaults: { timeouts: { connect: "1s", response_header: "30s", request: "30s", idle: "30s" } },
  upstreams: { origin: { endpoints: [{ url: `http://127.0.0.1:${ORIGIN_PORT}` }] } },
  routes: [
    { name: "fixed", match: { path: "/fixed" }, respond: { status: 200, body: "fixed" } },
    { name: "all", match: { path: "/*" }, upstream: "origin" },
  ],
};

/** A later build, told by its answer. */
export const NEXT_ROUTES = {
  ...ROUTES,
  routes: [{ ...ROUTES.routes[0]!, respond: { status: 200, body: "next" } }, ROUTES.routes[1]!],
};

export const TARGET = {
  target: HOST_TARGET,
  listeners: { public: { address: `127.0.0.1:${PORT}` } },
  timing: { drain: `${DRAIN_MS}ms` },
  service: { manager: "systemd", watchdog: `${WATCHDOG_MS}ms` },
  update: { ready_within: "5s", probation: "3s", error_ratio: "5%", p99: "500ms", min_requests: 20 },
  package: { maintainer: "Device Lab <lab@example.net>" },
};

/** What the attack of test/harness/attack.ts reaches all limits of: queues that end, bodies that are large. */
export const ATTACKED: Build = {
  routes: {
    ...ROUTES,
    defaults: {
      timeouts: { connect: "1s", queue: "500ms", response_header: "2s", request: "60s", idle: "3s" },
      limits: { body: "1GiB" },
    },
    upstreams: { origin: { ...ROUTES.upstreams.origin, connections: { max: 48, max_waiting: 16 } } },
  },
  target: { ...TARGET, limits: ATTACKED_LIMITS },
};

/** What a new build differs by. */
export interface Build {
  readonly routes?: object;
  readonly target?: object;
  /** A later one is higher. */
  readonly release?: string;
}

/** Path of the .deb as the command line makes it. Equal builds are made once in a run. */
export async function makeDeb({ routes = ROUTES, target = TARGET, release = "1.0.0" }: Build = {}): Promise<string> {
  const inputs = [JSON.stringify(routes, null, 1), JSON.stringify(target, null, 1), release] as const;
  const folder = join(runFolder(), createHash("sha256").update(inputs.join("\n")).digest("hex").slice(0, 16));
  if (!existsSync(folder)) {
    mkdirSync(folder);
    writeFileSync(join(folder, "routes.json"), inputs[0]);
    writeFileSync(join(folder, "target.json"), inputs[1]);
    const options = ["--target", "target.json", "--out", "gateway", "--deb", ".", "--release", release];
    await promisify(execFile)(process.execPath, [HARDWIRE, "build", "routes.json", ...options], { cwd: folder });
  }
  return join(folder, readdirSync(folder).find((name) => name.endsWith(".deb"))!);
}

/** Installs it as a user does, which enables and starts it, or puts it in place of the one that runs. */
export async function install(machine: Machine, build: Build = {}): Promise<Unit> {
  const { code, stdout, stderr } = await tryInstall(machine, build);
  if (code !== 0) throw new Error(`apt-get install ended with ${code}: ${stdout}${stderr}`);
  return new Unit(machine, `${NAME}.service`);
}

/** As `install`, for what may fail. */
export async function tryInstall(machine: Machine, build: Build): Promise<Ran> {
  const deb = await makeDeb(build);
  const there = `/root/${basename(deb)}`;
  await machine.copyIn(deb, there);
  return await machine.run(["apt-get", "install", "--yes", there], { timeoutMs: INSTALL_MS });
}

/**
 * A machine on which it is installed already and runs. Installed once for all tests of a run; each has a fresh disk over
 * that one.
 */
export async function bootInstalled(build: Build = {}, { unified = false } = {}): Promise<Unit> {
  const kept = join(dirname(await makeDeb(build)), "installed");
  if (!existsSync(kept)) {
    const first = await Machine.boot();
    await install(first, build);
    await first.powerOff();
    renameSync(first.disk.folder, kept);
  }
  const machine = await Machine.boot({ disk: new Disk(kept), unified });
  const unit = new Unit(machine, `${NAME}.service`);
  await unit.until(({ ActiveState }) => ActiveState === "active", "active");
  return unit;
}

/** Puts a new executable in place of the one that was installed, and asks it to take over from the one that runs. */
export async function activate(machine: Machine, { routes = ROUTES, target = TARGET }: Build): Promise<Ran> {
  const file = `/usr/lib/${NAME}/${NAME}`;
  await machine.copyIn(await pack(routes, target), `${file}.new`, "0755");
  await machine.must("mv", `${file}.new`, file);
  return await machine.run([file, "activate"]);
}

/** The body of an answer. */
export async function fetchText(machine: Machine, path: string, port = PORT): Promise<string> {
  const request = `GET ${path} HTTP/1.1\\r\\nHost: lab\\r\\nConnection: close\\r\\n\\r\\n`;
  const script = `exec 3<>/dev/tcp/127.0.0.1/${port}; printf '${request}' >&3; cat <&3`;
  return (await machine.must("bash", "-c", script)).split("\r\n\r\n")[1]!;
}
