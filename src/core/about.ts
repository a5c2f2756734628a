/** What the executable says of itself: `--version`, `--manifest`, `--help`. */
import { getAsset } from "node:sea";
import { DRAIN_MS, HAS_CREDENTIALS, HAS_TESTS, HAS_UPDATE, MEMORY_BYTES } from "#generated/constants.ts";
import { credentialNames, listeners, name, routeNames, target, upstreams } from "#generated/tables.ts";
import { addressOf } from "./listen.ts";

/** The part of it that the program itself has a use for; build/manifest/shape.ts has all. */
interface Manifest {
  readonly name: string;
  readonly target: string;
  readonly versions: { readonly hardwire: string };
  readonly sha256: { readonly routes: string; readonly target: string };
}

export function readManifest(): Manifest {
  return JSON.parse(getAsset("manifest.json", "utf8"));
}

export function versionText(): string {
  const { versions } = readManifest();
  return `${name} (hardwire ${versions.hardwire}, ${target}, Node ${process.versions.node})`;
}

const UPDATE_HELP = [
  "",
  `Builds, in /opt/${name}; root only but for status:`,
  "  install         put this build beside the others; the first one becomes current",
  "  activate        install; have the running service try this build, and make it current if it does",
  "                  well, else exit 1; without a running service it becomes current at once",
  "  rollback        back to the build before, without a trial",
  "  status          what is current, what runs, what is on trial, how the last trial ended",
  "  --json          as data; --root DIR for a device whose root is mounted there",
];

export function helpText(): string {
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
    ...(HAS_UPDATE ? UPDATE_HELP : []),
    "",
    "Listeners:",
    ...listeners.map((listener) => `  ${listener.name}: ${addressOf(listener)}`),
    "Upstreams:",
    ...upstreams.map(
      (upstream) =>
        `  ${upstream.name}: ${upstream.endpoints.map((e) => e.socketPath || `${e.host}:${e.port}`).join(", ")}`,
    ),
    `Routes: ${routeNames.length}`,
    ...(HAS_CREDENTIALS ? [`Credentials, files in $CREDENTIALS_DIRECTORY: ${credentialNames.join(", ")}`] : []),
    "",
    "Signals:",
    `  TERM, INT       let what is in flight finish within ${DRAIN_MS / 1000} s, exit 0; a second one exits at once`,
    "  QUIT            exit at once",
    "  HUP             read the credentials anew, never the routes",
    "  USR1            write statistics to the log",
    ...(HAS_UPDATE ? ["  USR2            start the build that next or current names, see activate"] : []),
    "",
    "Exit codes: 0 stopped, 64 usage, 69 address in use, 70 internal error, 71 system error,",
    "            73 no place to extract the network addon to, 77 not permitted",
    ...(HAS_CREDENTIALS ? ["            78 a credential is not there or cannot be used"] : []),
    ...(MEMORY_BYTES > 0 ? ["            78 the machine, or what its cgroup allows, is too small"] : []),
    ...(HAS_UPDATE
      ? [
          "            of the commands: 0 done, 1 rolled back, 66 nothing to go back to, 73 no room, 74 not",
          "            what was written, 75 another command is at work, 77 not root, or others could write",
        ]
      : []),
    "",
  ];
  return lines.join("\n");
}
