/** Credentials: files that the device has, in header fields and nowhere else; read at the start and at SIGHUP. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../harness/held.ts";
import {
  ask,
  atEnd,
  Client,
  Device,
  fieldOf,
  get,
  hostTarget,
  ok,
  origin,
  pack,
  ports,
  runFolder,
} from "../harness.ts";

const upstream = await origin(ports.origin);
upstream.script((_, connection) => connection.send(ok("done")));

const BYTES_MAX = 2048;
const HEAD_BYTES = 4096;

const file = await pack(
  {
    version: 1,
    name: "secretive",
    upstreams: { api: { endpoints: [{ url: `http://127.0.0.1:${ports.origin}` }] } },
    routes: [
      {
        name: "all",
        match: { path: "/*" },
        upstream: "api",
        request_headers: { set: { Authorization: "Bearer {credential.token}", "X-Twice": "{credential.token}" } },
        response_headers: { set: { "X-Site": "<{credential.site.id}>" } },
      },
    ],
    tests: [{ request: "GET /x", expect: { request_headers: { Authorization: "Bearer {credential.token}" } } }],
  },
  hostTarget({ limits: { header_bytes: `${HEAD_BYTES}B`, in_flight: 8 } }),
);

/** A folder like the one that systemd makes; null leaves a file out. */
function folderOf(values: Readonly<Record<string, string | null>>): string {
  const folder = mkdtempSync(join(runFolder(), "credentials-"));
  for (const [name, value] of Object.entries({ token: "t0", "site.id": "north", ...values })) {
    if (value !== null) writeFileSync(join(folder, name), value, "latin1");
  }
  return folder;
}

function start(folder: string | undefined): Device {
  const started = new Device(file, { env: folder === undefined ? {} : { CREDENTIALS_DIRECTORY: folder } });
  atEnd(() => started.child.kill("SIGKILL"));
  return started;
}

async function serving(folder: string): Promise<Device> {
  const started = start(folder);
  await started.says(/: listening on /);
  return started;
}

function forwarded(name: string): string | undefined {
  return fieldOf(upstream.requests.at(-1)!, name);
}

test("a credential is in the fields that name it, without the line break at its end", async () => {
  const gateway = await serving(folderOf({ token: "abc.DEF-123\n" }));
  const answer = await ask(ports.device, get("/x", "Authorization: mine"));
  assert.equal(forwarded("authorization"), "Bearer abc.DEF-123");
  assert.equal(forwarded("x-twice"), "abc.DEF-123");
  assert.equal(fieldOf(answer, "x-site"), "<north>");
  await gateway.stop();
});

test("the longest credentials fit beside the longest head of a client", async () => {
  const gateway = await serving(folderOf({ token: "t".repeat(BYTES_MAX), "site.id": "s".repeat(BYTES_MAX) }));
  const frame = get("/x", "X-Long: ");
  const answer = await ask(ports.device, get("/x", `X-Long: ${"l".repeat(HEAD_BYTES - frame.length - 1)}`));
  assert.equal(answer.status, 200);
  assert.equal(forwarded("x-twice")?.length, BYTES_MAX);
  assert.equal(fieldOf(answer, "x-site")?.length, BYTES_MAX + 2);
  await gateway.stop();
});

for (const [name, value, reason] of [
  ["missing", null, "there is no such file"],
  ["empty", "", "it is empty"],
  ["a line break alone", "\n", "it is empty"],
  ["too long", "s3cret!!".repeat(BYTES_MAX / 8 + 1), "it has more than 2048 bytes"],
  ["two lines", "s3cret\nmore", "byte 7 can be in no header field"],
  ["ended as on Windows", "s3cret\r\n", "byte 7 can be in no header field"],
  ["a null byte", "s3cret\0", "byte 7 can be in no header field"],
  ["beyond ASCII", "s3cret\xe9", "byte 7 can be in no header field"],
  ["a blank at its end", "s3cret ", "it begins or ends with a blank"],
] as const) {
  test(`a credential that is ${name}: one line that does not show it, exit 78`, async () => {
    const folder = folderOf({ token: value });
    const gateway = start(folder);
    assert.deepEqual(await gateway.exited, { code: 78, signal: null });
    assert.match(gateway.stderr, /^[^\n]*\n$/);
    assert.ok(gateway.stderr.startsWith(`secretive: credential "token" in ${folder}: ${reason}`), gateway.stderr);
    assert.doesNotMatch(gateway.stderr + gateway.stdout, /s3cret/);
  });
}

test("a folder or an endless file in its place is refused, too", async () => {
  for (const [make, reason] of [
    [(path: string) => mkdirSync(path), /: it cannot be read \(EISDIR\)\n$/],
    [(path: string) => symlinkSync("/dev/zero", path), /: it has more than 2048 bytes\n$/],
  ] as const) {
    const folder = folderOf({ token: null });
    make(join(folder, "token"));
    const gateway = start(folder);
    assert.deepEqual(await gateway.exited, { code: 78, signal: null });
    assert.match(gateway.stderr, reason);
  }
});

test("without $CREDENTIALS_DIRECTORY: advice, exit 78", async () => {
  const gateway = start(undefined);
  assert.deepEqual(await gateway.exited, { code: 78, signal: null });
  assert.match(
    gateway.stderr,
    /^secretive: CREDENTIALS_DIRECTORY is not set[^\n]* site\.id, token;[^\n]*unit[^\n]*\n$/,
  );
});

test("SIGHUP: every request of a stream has the old one or the new one, none fails", async () => {
  const folder = folderOf({ token: "t0" });
  const gateway = await serving(folder);
  const clients = await Promise.all([1, 2, 3].map(() => Client.open(ports.device)));
  let last = 0;
  let done = false;
  const seen: string[] = [];
  const streams = clients.map(async (client) => {
    while (!done) {
      assert.equal((await client.send(get("/x")).answer()).status, 200);
      seen.push(forwarded("x-twice")!);
    }
  });
  while (last < 20) {
    last += 1;
    writeFileSync(join(folder, "new"), `t${last}`);
    renameSync(join(folder, "new"), join(folder, "token"));
    gateway.child.kill("SIGHUP");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await until(() => seen.at(-1) === "t20", "the last one");
  done = true;
  await Promise.all(streams);
  assert.match(gateway.stderr, /SIGHUP: 2 credentials read anew\n/);
  const numbers = seen.map((token) => Number(token.slice(1)));
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  );
  for (const client of clients) client.close();
  gateway.child.kill("SIGTERM");
  await gateway.exited;
  assert.doesNotMatch(gateway.stderr, /\bt\d/);
});

test("SIGHUP with one that is bad: all the old ones stay, a line says why", async () => {
  const folder = folderOf({ token: "old", "site.id": "north" });
  const gateway = await serving(folder);
  writeFileSync(join(folder, "token"), "new");
  writeFileSync(join(folder, "site.id"), "bad\tsecret\0");
  gateway.child.kill("SIGHUP");
  await gateway.says(
    /SIGHUP: credential "site\.id" in [^\n]*: byte 11 can be in no header field[^\n]*; the old ones stay in use\n/,
  );
  const answer = await ask(ports.device, get("/x"));
  assert.equal(forwarded("x-twice"), "old");
  assert.equal(fieldOf(answer, "x-site"), "<north>");
  rmSync(folder, { recursive: true });
  gateway.child.kill("SIGHUP");
  await gateway.says(/there is no such file; the old ones stay in use\n/);
  await ask(ports.device, get("/x"));
  assert.equal(forwarded("x-twice"), "old");
  gateway.child.kill("SIGTERM");
  assert.deepEqual(await gateway.exited, { code: 0, signal: null });
});

test("the build and the self-test need none; the names are in the manifest and in --help", async () => {
  const say = async (argument: string) => {
    const device = new Device(file, { args: [argument] });
    assert.equal((await device.exited).code, 0, device.stderr);
    return device.stdout;
  };
  assert.match(await say("--self-test"), /1 of 1 tests pass/);
  assert.match(await say("--help"), /^Credentials, files in \$CREDENTIALS_DIRECTORY: site\.id, token$/m);
  assert.deepEqual(JSON.parse(await say("--manifest")).credentials, ["site.id", "token"]);
  const tables = readFileSync(`${file}.generated/tables.ts`, "utf8");
  assert.match(tables, /credentialNames/);
});
