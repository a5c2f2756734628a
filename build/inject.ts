/**
 * A program of its own, run by pack.ts: makes the single executable with pkg. pkg's sea() changes the working folder,
 * prints, and takes its base runtime from $HOME/.pkg-cache, all of which end with this process.
 *
 * pkg has the runtime itself make the payload (a "blob" of program and assets), copies the runtime to `output`, and
 * hands both to postject. In postject's place stands elf/attach.ts, which says why.
 *
 * One argument, JSON: { target, output, assets }. The environment's HOME and TMPDIR are pack.ts's scratch folder, where
 * the slim runtime stands as pkg would have downloaded it; a miss would mean the network, which is closed here.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";
import { attachNote } from "./elf/attach.ts";
import { readElf } from "./elf/read.ts";
import { nodeOptions } from "./node-options.ts";
import { NODE_VERSION } from "./pins.ts";

export interface Injection {
  readonly target: string;
  /** Absolute: sea() changes the working folder. */
  readonly output: string;
  /** Name on the device → absolute path. */
  readonly assets: Readonly<Record<string, string>>;
  /** See PackOptions. */
  readonly heapMib?: number;
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

interface Postject {
  inject(file: string, note: string, content: Buffer, options: { sentinelFuse: string }): Promise<void>;
}

const { target, output, assets, heapMib } = JSON.parse(process.argv[2] ?? "") as Injection;
const [platform = "", arch = ""] = target.split("-");

globalThis.fetch = (url) => {
  throw new Error(`pkg wanted to download ${url}; packing never uses the network`);
};
const seaPath = createRequire(import.meta.url).resolve("@yao-pkg/pkg/lib-es5/sea.js");
const postject = createRequire(seaPath)("postject") as Postject;
postject.inject = async (file, note, content, { sentinelFuse }) => {
  const runtime = readFileSync(file);
  const { header, at, payload } = attachNote(readElf("runtime", runtime), note, content);
  // Node looks for its payload only if this says 1.
  const fuse = Buffer.from(`${sentinelFuse}:0`);
  const fuseAt = runtime.indexOf(fuse);
  if (fuseAt === -1 || runtime.includes(fuse, fuseAt + 1)) throw new Error("the runtime has not one fuse");
  const opened = openSync(file, "r+");
  writeSync(opened, header, 0, header.length, 0);
  writeSync(opened, "1", fuseAt + fuse.length - 1);
  writeSync(opened, payload, 0, payload.length, at);
  closeSync(opened);
};
const sea = createRequire(seaPath)(seaPath) as Sea;
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
    execArgv: nodeOptions(heapMib),
    // None from NODE_OPTIONS either.
    execArgvExtension: "none",
    assets,
  },
});
