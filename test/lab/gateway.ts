/** The gateway that the lab's machines run: everything goes to one origin, but /fixed, which it answers itself. */
import { HOST_TARGET, pack } from "../harness/device.ts";
import type { Machine } from "./machine.ts";
import { Unit } from "./unit.ts";

export const NAME = "lab-gw";
export const PORT = 8080;
export const ORIGIN_PORT = 3001;
export const DRAIN_MS = 15_000;

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

export const TARGET = {
  target: HOST_TARGET,
  listeners: { public: { address: `127.0.0.1:${PORT}` } },
  timing: { drain: `${DRAIN_MS}ms` },
};

/** Installs the gateway, which starts it. */
export async function install(machine: Machine, routes: object = ROUTES, target: object = TARGET): Promise<Unit> {
  await machine.copyIn(await pack(routes, target), `/usr/lib/${NAME}/${NAME}`, "0755");
  await machine.write(
    `/usr/lib/systemd/system/${NAME}.service`,
    `[Service]\nExecStart=/usr/lib/${NAME}/${NAME}\nDynamicUser=yes\nRuntimeDirectory=${NAME}\nTimeoutStopSec=20\nMemoryMax=98000000\nMemorySwapMax=0\n`,
  );
  await machine.must("systemctl", "daemon-reload");
  await machine.must("systemctl", "start", NAME);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const unit = new Unit(machine, `${NAME}.service`);
  return unit;
}
