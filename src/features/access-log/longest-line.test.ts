/**
 * A line is never longer than the room that is made for it, whatever all of its parts are. Measured in a process of its
 * own, whose standard error nobody reads.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ProgramView } from "../../../build/feature.ts";
import type { Exchange } from "../../core/exchange.ts";
import { ABORTED, Record } from "../../core/record.ts";
import { beginLine } from "../../core/sink.ts";
import feature from "./feature.ts";
import { logJson, logText, type Settings, startJson, startText } from "./runtime.ts";

const LOGS = { json: [startJson, logJson], text: [startText, logText] } as const;
type Format = keyof typeof LOGS;

/** Room that is made, and bytes that the longest line takes. */
function measure(format: Format): { room: number; bytes: number } {
  const long = "\u{1f600}\n".repeat(2000);
  const names = Array.from({ length: 16 }, (_, i) => `x-field-${i}`);
  const program: ProgramView = {
    name: "t",
    target: "linux-x64",
    isService: false,
    routes: [{ name: "r", path: "/*", upstream: undefined }],
    upstreams: [],
    listeners: [],
    exchangesMax: 1,
  };
  const access_log = { format, sample: { success: "100%" }, budget: "1024MiB/h", request_headers: names };
  const settings = feature.useProgram!({ access_log }, program)!.start!.data as unknown as Settings;
  const head = Buffer.from(`GET / HTTP/1.1\r\n${names.map((name) => `${name}: ${"é".repeat(999)}\r\n`).join("")}\r\n`);
  const record = Object.assign(new Record(), {
    status: 200,
    durationMs: 1e9 + 0.123,
    upstreamMs: 1e9,
    responseBytes: Number.MAX_SAFE_INTEGER,
    retries: 1e6,
    path: long,
    reason: long,
    traceId: long,
    client: "ffff:".repeat(9),
    ended: ABORTED,
  });
  const x = { record, method: long, host: "h".repeat(255), query: long, requestId: long, headBytes: head, headEnd: 1 };
  const [start, log] = LOGS[format];
  start(settings);
  const from = beginLine(settings.lineBytesMax);
  log(Object.assign(x, { route: -1, bodyBytesReceived: Number.MAX_SAFE_INTEGER }) as unknown as Exchange);
  return { room: settings.lineBytesMax, bytes: beginLine(1) - from };
}

const asked = process.argv[2] as Format | undefined;
if (asked !== undefined) {
  process.stdout.write(JSON.stringify(measure(asked)));
  process.exit();
}

for (const format of Object.keys(LOGS)) {
  test(`the longest line has room: ${format}`, () => {
    const told = execFileSync(process.execPath, [fileURLToPath(import.meta.url), format], {
      stdio: ["ignore", "pipe", "ignore"],
      env: {},
      encoding: "utf8",
    });
    const { room, bytes } = JSON.parse(told) as ReturnType<typeof measure>;
    assert.ok(bytes > 5000 && bytes <= room, `${bytes} bytes where there is room for ${room}`);
  });
}
