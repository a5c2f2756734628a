/** The commands about builds: `install`, `activate`, `rollback`, `status`. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { name } from "#generated/tables.ts";
import { logLine } from "../log.ts";
import { activate, type Outcome, type Place, rollback } from "./exchange-builds.ts";
import { install } from "./install.ts";
import { lock } from "./lock.ts";
import { Refused } from "./refused.ts";
import { findService } from "./service.ts";
import { ownBuild, Slots } from "./slots.ts";
import { runFolderUnder, type State } from "./state.ts";

export type Command = "install" | "activate" | "rollback" | "status";

const COMMANDS: readonly string[] = ["install", "activate", "rollback", "status"] satisfies Command[];
const EXIT_USAGE = 64;

export function isCommand(word: string | undefined): word is Command {
  return word !== undefined && COMMANDS.includes(word);
}

/** Ends with `process.exitCode`: 0 done, 1 rolled back. @throws Refused */
export async function runCommand(command: Command, options: readonly string[]): Promise<void> {
  const { root, asJson } = parse(command, options);
  const slots = Slots.under(root);
  const place: Place = { slots, runFolder: runFolderUnder(root), say: (line) => logLine(line) };
  if (command === "status") {
    showStatus(place, asJson);
    return;
  }
  await lock(join("/", root, "run", `${name}.lock`));
  const before = slots.read("current");
  const outcome = await run(command, place, root);
  process.exitCode = outcome.verdict === "rolled back" ? 1 : 0;
  const shown = asJson
    ? JSON.stringify({ name, command, ...outcome, before: before ?? null }, null, 2)
    : `${name}: build ${outcome.build} ${outcome.verdict}: ${outcome.reason}`;
  process.stdout.write(`${shown}\n`);
}

async function run(command: Command, place: Place, root: string): Promise<Outcome> {
  if (command === "rollback") return await rollback(place);
  const build = install(place.slots, root);
  if (command === "activate") return await activate(place, build);
  const reason = `installed as ${place.slots.fileOf(build)}`;
  const isFirst = place.slots.read("current") === undefined;
  if (isFirst) place.slots.set("current", build);
  return { build, verdict: isFirst ? "current" : "unchanged", reason };
}

function parse(command: Command, options: readonly string[]): { root: string; asJson: boolean } {
  let root = "";
  let asJson = false;
  for (let i = 0; i < options.length; i++) {
    const option = options[i]!;
    if (option === "--json") asJson = true;
    else if (option === "--root" && options[i + 1] !== undefined) root = options[++i]!;
    else throw new Refused(`${command} takes --json and --root DIR, not "${option}"; see --help`, EXIT_USAGE);
  }
  return { root, asJson };
}

function showStatus({ slots, runFolder }: Place, asJson: boolean): void {
  const service = findService(slots, runFolder);
  const installed = listFolder(slots.folder).filter((entry) => /^[0-9a-f]{12}$/.test(entry));
  const status = {
    name,
    this_build: ownBuild(),
    current: slots.read("current") ?? null,
    previous: slots.read("previous") ?? null,
    next: slots.read("next") ?? null,
    installed,
    running: service === undefined ? null : { pid: service.pid, build: service.build },
    trial: service?.trial ?? null,
    last: service?.last ?? null,
  };
  process.stdout.write(asJson ? `${JSON.stringify(status, null, 2)}\n` : describe(status));
}

interface Status extends Pick<State, "trial" | "last"> {
  readonly current: string | null;
  readonly previous: string | null;
  readonly installed: readonly string[];
  readonly running: Pick<State, "pid" | "build"> | null;
}

function describe({ current, previous, installed, running, trial, last }: Status): string {
  const lines = [
    ["current", current ?? "none; install and activate make one"],
    ["running", running === null ? "no" : `${running.build}, process ${running.pid}`],
    ["previous", previous ?? "none"],
    ["installed", installed.join(", ") || "none"],
  ];
  if (trial !== null) {
    const { requests, errors, slow } = trial.counts;
    const counts = `${requests} answers, ${errors} errors, ${slow} slow`;
    lines.push(["on trial", `${trial.build}, ${trial.phase}, ${Math.round(trial.elapsed_ms / 1000)} s, ${counts}`]);
  }
  if (last !== null) lines.push(["last", `${last.build} ${last.verdict}: ${last.reason}`]);
  return `${lines.map(([key, value]) => `${key!.padEnd(11)}${value}`).join("\n")}\n`;
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
