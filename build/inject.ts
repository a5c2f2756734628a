/**
 * A program of its own, run by pack.ts: makes the single executable with pkg. pkg's sea() changes the working folder,
 * prints, takes its base runtime from $HOME/.pkg-cache and needs some 800 MB, all of which end with this process.
 *
 * One argument, JSON: { target, output, assets }. The environment's HOME and TMPDIR are pack.ts's scratch folder, where
 * the stripped runtime stands as pkg would have downloaded it; a miss would mean the network, which is closed here.
 */
import { createRequire } from "node:module";
import process from "node:process";
import { NODE_VERSION } from "./pins.ts";

export interface Injection {
  readonly target: string;
  /** Absolute: sea() changes the working folder. */
  readonly output: string;
  /** Name on the device → absolute path. */
  readonly assets: Readonly<Record<string, string>>;
}

interface Sea {
  default(
    entry: string,
    options: {
      targets: { platform: string; arch: string; nodeRange: string; output: string }[];
      seaConfig: Readonly<Record<string, unknown>>;
    },
  ): Promise<void>;
}

const { target, output, assets } = JSON.parse(process.argv[2] ?? "") as Injection;
const [platform = "", arch = ""] = target.split("-");

globalThis.fetch = (url) => {
  throw new Error(`pkg wanted to download ${url}; packing never uses the network`);
};
const sea = createRequire(import.meta.url)("@yao-pkg/pkg/lib-es5/sea.js") as Sea;
await sea.default("gateway.cjs", {
  targets: [{ platform, arch, nodeRange: `node${NODE_VERSION}`, output }],
  seaConfig: {
    // Goes into the executable and into stack traces, so it must not be this machine's path. Read from sea()'s own
    // temporary folder, one below the scratch folder.
    main: "../gateway.cjs",
    disableExperimentalSEAWarning: true,
    // Both are made by running the code on the build host, and are not the same twice (nodejs/node#29108).
    useSnapshot: false,
    useCodeCache: false,
    // Memory that stays small and does not depend on chance: a young generation of 1 MiB, since the request path
    // leaves only short-lived strings, and no compiling on other threads, whose malloc arenas keep some 4 MB for good.
    // Neither shows in CPU per request; compiling takes some milliseconds at a time while the program warms up.
    // A device's program takes no orders from NODE_OPTIONS, and opens no debugger at a SIGUSR1: Node blocks the signal.
    execArgv: ["--max-semi-space-size=1", "--no-concurrent-recompilation", "--disable-sigusr1"],
    execArgvExtension: "none",
    assets,
  },
});
