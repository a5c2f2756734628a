/**
 * What must not leave the build machine inside an executable: credentials, values of its environment that are secret,
 * and paths of its folders. Searched in the finished file, in all that is not the pinned runtime or addon, so that it
 * does not matter which way something came in.
 */
import { tmpdir } from "node:os";
import { dirname, isAbsolute, resolve } from "node:path";
import process from "node:process";
import { findFormat } from "./secrets.ts";
import { positionsIn, type TextFile } from "./source.ts";

/** Where a build runs; `here` is this one. */
export interface Machine {
  /** Absolute. */
  readonly folders: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function here(repository: string, outFile: string, inputs: readonly TextFile[]): Machine {
  const files = [outFile, ...inputs.map(({ file }) => file)];
  // Not os.homedir(): a container's user may have none.
  const { HOME = "" } = process.env;
  const folders = [repository, process.cwd(), HOME, tmpdir(), ...files.map((file) => dirname(resolve(file)))];
  return { folders: folders.filter(isAbsolute), environment: process.env };
}

/**
 * @param added the file's bytes that are neither runtime nor addon, as latin1
 * @param inputs what was built from: who writes a path there means the device's
 * @returns one line for each, which never shows the secret itself
 */
export function findLeaks(added: string, inputs: readonly TextFile[], machine: Machine): string[] {
  const format = findFormat(added);
  return [
    ...(format === undefined ? [] : [`${format.what}${place(inputs, format.text)}`]),
    ...secretsOf(machine)
      .filter(([, value]) => added.includes(value))
      .map(([name, value]) => `the value of the environment variable ${name}${place(inputs, value)}`),
    ...pathsOf(machine)
      .filter((path) => added.includes(path) && !inputs.some(({ text }) => text.includes(path)))
      .map((path) => `a path of this machine, ${path}`),
  ];
}

const SECRET_NAME = /TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|_KEY$|_AUTH$|_PAT$/i;

/** Short ones and plain words are in any program. As they are, and as they would stand in a literal. */
function secretsOf({ environment }: Machine): [name: string, value: string][] {
  return Object.entries(environment).flatMap(([name, value = ""]): [string, string][] => {
    const isWord = !/\d/.test(value) || !/[A-Za-z]/.test(value);
    if (!SECRET_NAME.test(name) || value.length < (isWord ? 16 : 8)) return [];
    return [...new Set([value, JSON.stringify(value).slice(1, -1)])].map((form) => [name, latin1(form)]);
  });
}

/** Folders that every Linux has say nothing of a machine, and programs name them. */
const EVERYWHERE: ReadonlySet<string> = new Set(["/", "/dev", "/etc", "/proc", "/run", "/sys", "/usr", "/var"]);

/** With the slash that whatever lies in a folder has behind it: "/tmp" alone is in the program, which looks there. */
function pathsOf({ folders }: Machine): string[] {
  return [...new Set(folders)].filter((folder) => !EVERYWHERE.has(folder)).map((folder) => latin1(`${folder}/`));
}

/** " (routes.yaml:12:7)" where an input has it. */
function place(inputs: readonly TextFile[], text: string): string {
  const found = inputs.find((input) => input.text.includes(text));
  if (found === undefined) return "";
  const { line, column } = positionsIn(found.text).position(found.text.indexOf(text));
  return ` (${found.file}:${line}:${column})`;
}

/** As bytes read as latin1 show a text that was written as UTF-8. */
function latin1(text: string): string {
  return Buffer.from(text).toString("latin1");
}
