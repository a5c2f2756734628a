/**
 * The examples in routes/ beside the quickstart, built as they are shipped but for what a test machine has not got (the
 * processor, the addresses): their tests by the executable itself, and requests through it.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, relative, resolve } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { ask, atEnd, Device, get, HOST_TARGET, head, ok, origin, ports, runFolder } from "../harness.ts";

const REPOSITORY = resolve(import.meta.dirname, "../..");
const HARDWIRE = join(REPOSITORY, "build/launch.mjs");
const folder = join(runFolder(), "examples");
mkdirSync(folder, { recursive: true });

const socketPath = join(folder, "server.sock");
const onSocket = [{ url: `unix:${socketPath}` }];
const onPort = [{ url: `http://127.0.0.1:${ports.origin}` }];
const address = (port: number) => ({ address: `127.0.0.1:${port}` });

interface Example {
  readonly name: string;
  readonly shipped: string;
  readonly onThisMachine: object;
}

const PUMP: Example = {
  name: "pump-station",
  shipped: "targets/pump-arm64.yaml",
  onThisMachine: {
    listeners: { public: address(ports.device), lan: address(ports.otherDevice), admin: address(ports.admin) },
    overrides: { "upstreams.telemetry.endpoints": onPort, "upstreams.plc.endpoints": onSocket },
  },
};
const SIDECAR: Example = {
  name: "sidecar",
  shipped: "targets/sidecar-x64.yaml",
  onThisMachine: {
    listeners: { public: address(ports.device) },
    overrides: { "upstreams.app.endpoints": onSocket, "upstreams.metrics.endpoints": onSocket },
  },
};

function hardwire(...args: string[]) {
  return spawnSync(process.execPath, [HARDWIRE, ...args], { encoding: "utf8" });
}

/** The command line's files of an example on this machine, whose sockets are in /tmp: a service would not see them. */
function filesOf({ name, shipped, onThisMachine }: Example): string[] {
  const target = join(folder, `${name}.target.json`);
  const file = join(REPOSITORY, shipped);
  const { service: _, ...own } = parse(readFileSync(file, "utf8"));
  const more = {
    ...own,
    extends: relative(folder, resolve(file, "..", own.extends)),
    target: HOST_TARGET,
    ...onThisMachine,
  };
  writeFileSync(target, JSON.stringify(more, null, 1));
  return [join(REPOSITORY, `routes/${name}.yaml`), "--target", target];
}

function build(example: Example): string {
  const file = join(folder, example.name);
  const { status, stdout, stderr } = hardwire("build", ...filesOf(example), "--out", file);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^ {2}tests +\d+ pass$/m);
  return file;
}

/** Runs it as on a device: the file alone, nothing in the environment. */
async function run(file: string, ...args: string[]): Promise<Device & { code: number | null }> {
  const device = new Device(file, { args });
  const { code } = await device.exited;
  return Object.assign(device, { code });
}

/** @param log what its lines of a request look like */
async function serve(file: string, log?: RegExp): Promise<Device> {
  const device = new Device(file);
  atEnd(() => device.stop(log));
  await device.says(/: listening on /);
  return device;
}

/** A server on the unix socket that says what it was asked. */
async function serveSocket(): Promise<void> {
  const server = createServer((request, response) => response.end(`${request.method} ${request.url}`));
  await new Promise<void>((done) => server.listen(socketPath, done));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
}

for (const example of [PUMP, SIDECAR]) {
  test(`${example.name}: the executable's own tests pass, and say the same as the generated code`, async () => {
    const file = build(example);
    const alone = await run(file, "--self-test");
    assert.deepEqual([alone.code, alone.stderr], [0, ""]);
    assert.match(alone.stdout, new RegExp(`^${example.name}: (\\d+) of \\1 tests pass\n$`));

    const inside = hardwire("test", ...filesOf(example), "--binary", file, "--json");
    assert.equal(inside.status, 0, inside.stderr);
    const outside = hardwire("test", ...filesOf(example), "--json");
    assert.deepEqual(JSON.parse(inside.stdout).tests, JSON.parse(outside.stdout).tests);
  });
}

test("an executable whose tests are not true says so, and is not taken for one built from this file", async () => {
  const file = join(folder, "changed");
  copyFileSync(join(folder, PUMP.name), file);
  const bytes = readFileSync(file);
  const at = bytes.indexOf('"path":"/pumps/2?speed=40"');
  assert.ok(at > 0);
  bytes.write('"path":"/pumps/3', at);
  writeFileSync(file, bytes);
  const { code, stdout } = await run(file, "--self-test");
  assert.equal(code, 1);
  assert.match(
    stdout,
    /^pump-station\.yaml:\d+ {2}PUT gw\.local\/plc\/pumps\/2\?speed=40\n {2}expect\.path: expected "\/pumps\/3\?speed=40"; the route "plc" sends it to the upstream "plc" as \/pumps\/2\?speed=40\npump-station: (\d+) of \d+ tests pass\n$/,
  );
  const { status, stderr } = hardwire("test", ...filesOf(PUMP), "--binary", file);
  assert.deepEqual([status, stderr], [65, `hardwire: ${file} was built with other tests; build it again\n`]);
});

test("pump-station: devices reach the servers, the control room the controller, and nobody else does", async () => {
  const servers = await origin(ports.origin);
  await serveSocket();
  const gateway = await serve(join(folder, PUMP.name), /^[A-Z]+ [a-z.]+\/\S* \d{3} .* request_id=/);
  servers.script((_, connection) => connection.send(ok("stored")));
  const sent = (start: string, ...fields: string[]) =>
    head(start, ...fields).replace("Host: localhost", "Host: gw.local");
  const stored = await ask(ports.device, sent("POST /v1/telemetry", "X-Device-Id: 4711", "Content-Length: 0"));
  assert.equal(stored.body.toString(), "stored");
  assert.doesNotMatch(servers.requests[0]!.head, /x-device-id/i);
  assert.match(servers.requests[0]!.head, /\r\nx-request-id: [0-9a-f]{32}\r\n/i);
  const set = await ask(ports.otherDevice, sent("PUT /plc/pumps/2?speed=40", "Content-Length: 0"));
  assert.equal(set.body.toString(), "PUT /pumps/2?speed=40");
  assert.equal((await ask(ports.device, sent("PUT /plc/pumps/2?speed=40", "Content-Length: 0"))).status, 404);
  await gateway.says(/^PUT gw\.local\/plc\/pumps\/2\?speed=40 404 .* reason=no_route\b/m);
  assert.equal((await ask(ports.admin, get("/readyz"))).status, 200);
  assert.match(
    (await ask(ports.admin, get("/metrics"))).body.toString(),
    /^http_requests_total\{.*route="plc".*\} 1$/m,
  );
});

test("sidecar: the application is reached through its socket", async () => {
  await serveSocket();
  await serve(join(folder, SIDECAR.name));
  const request = head("GET /app/orders").replace("Host: localhost", "Host: app.plant.local");
  assert.equal((await ask(ports.device, request)).body.toString(), "GET /app/orders");
});
