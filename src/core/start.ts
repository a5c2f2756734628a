/**
 * Boot, signals, drain and exit of the device program.
 *
 * ```
 * start ──▶ addon loaded ──▶ every listener open ──▶ serving ──TERM, INT──▶ draining ──nothing in flight──▶ exit 0
 *             │ 71, 73          │ 69, 71, 77                                   │ drain limit, second signal
 *             ▼                 ▼                                              ▼
 *          one line, exit    one line, exit                              rest is cut, exit 0
 * ```
 */
import { getAsset } from "node:sea";
import { CLIENT_HEAD_BYTES_MAX, DRAIN_MS, HAS_TESTS } from "#generated/constants.ts";
import { listeners, name, routeNames, target, upstreams } from "#generated/tables.ts";
import { loadAddon } from "./addon.ts";
import { exchangesInFlight } from "./exchange.ts";
import { logLine } from "./log.ts";
import { startDraining } from "./proxy.ts";
import { selfTest } from "./self-test.ts";
import { addressOf, type Server, startServer } from "./server.ts";
import { addWalker, deadlineIn, hasPassed, nowMs, wakeClock } from "./timers.ts";

const EXIT_USAGE = 64;
const EXIT_SOFTWARE = 70;

/** Runs the device program with its command line arguments. */
export function start(args: readonly string[]): void {
  process.on("uncaughtException", (error) => {
    logLine(`internal error: ${error.stack ?? error.message}`);
    process.exit(EXIT_SOFTWARE);
  });
  const [first, extra] = args;
  if (HAS_TESTS && first === "--self-test" && args.length <= 2 && (extra ?? "--json") === "--json") {
    void orExit(() => selfTest(extra !== undefined));
  } else if (extra !== undefined) refuseArgument(extra);
  else if (first === "--version") process.stdout.write(`${versionText()}\n`);
  else if (first === "--manifest") process.stdout.write(`${JSON.stringify(readManifest(), null, 2)}\n`);
  else if (first === "--help") process.stdout.write(helpText());
  else if (first !== undefined) refuseArgument(first);
  else void serve();
}

function refuseArgument(argument: string): void {
  logLine(`unknown argument "${argument}"; the configuration is compiled in, see --help`);
  process.exitCode = EXIT_USAGE;
}

async function serve(): Promise<void> {
  let server: Server | undefined;
  const onStop = (signal: NodeJS.Signals): void => {
    // A second signal, or one that comes before anything was served.
    if (stopping || server === undefined) process.exit(0);
    drain(server, signal);
  };
  process.on("SIGTERM", onStop);
  process.on("SIGINT", onStop);
  // There is nothing to reload in this build; without a handler the signal would end the process. SIGUSR1, which
  // would open Node's debugger, is blocked by an option compiled into the executable.
  process.on("SIGHUP", () => {});
  await orExit(async () => {
    server = await startServer(loadAddon(CLIENT_HEAD_BYTES_MAX));
  });
  for (const listener of listeners) logLine(`listening on ${addressOf(listener)} (${listener.name})`);
}

/** What the device is to blame for is one line and an exit code. */
async function orExit(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof Error && "exitCode" in error)) throw error;
    logLine(error.message);
    process.exit(Number(error.exitCode));
  }
}

let stopping = false;
/** After the last exchange, what uWebSockets.js still holds of its answer gets this long to leave. */
const FLUSH_MS = 100;

/** Accepts nothing more, lets what is in flight end within DRAIN_MS, and exits with 0. */
function drain(server: Server, signal: string): void {
  stopping = true;
  startDraining();
  server.stopListening();
  logLine(`${signal}: draining, ${exchangesInFlight()} in flight`);
  wakeClock();
  const limitMs = deadlineIn(DRAIN_MS);
  let emptySinceMs = -1;
  addWalker(() => {
    if (exchangesInFlight() > 0) emptySinceMs = -1;
    else if (emptySinceMs === -1) emptySinceMs = nowMs;
    const empty = emptySinceMs !== -1 && nowMs - emptySinceMs >= FLUSH_MS;
    if (!empty && !hasPassed(limitMs)) return true;
    if (!empty) logLine(`drain limit reached, ${exchangesInFlight()} cut`);
    server.closeAll();
    process.exit(0);
  });
}

function readManifest(): { versions: { hardwire: string } } {
  return JSON.parse(getAsset("manifest.json", "utf8"));
}

function versionText(): string {
  const { versions } = readManifest();
  return `${name} (hardwire ${versions.hardwire}, ${target}, Node ${process.versions.node})`;
}

function helpText(): string {
  const lines = [
    `${versionText()}`,
    "",
    "An HTTP gateway whose configuration is compiled in: it takes no configuration file.",
    "",
    "Usage:",
    "  (no argument)   serve until SIGTERM or SIGINT, then drain and exit 0",
    "  --version       print what this binary is",
    "  --manifest      print all that it was built from and with, as JSON",
    "  --help          print this",
    ...(HAS_TESTS
      ? [
          "  --self-test     ask the routes what the routes file's tests ask; exit 1 if one fails;",
          "                  with --json as data",
        ]
      : []),
    "",
    "Listeners:",
    ...listeners.map((listener) => `  ${listener.name}: ${addressOf(listener)}`),
    "Upstreams:",
    ...upstreams.map(
      (upstream) =>
        `  ${upstream.name}: ${upstream.endpoints.map((e) => e.socketPath || `${e.host}:${e.port}`).join(", ")}`,
    ),
    `Routes: ${routeNames.length}`,
    "",
    "Exit codes: 0 stopped, 64 usage, 69 address in use, 70 internal error, 71 system error,",
    "            73 no place to extract the network addon to, 77 not permitted",
    "",
  ];
  return lines.join("\n");
}
