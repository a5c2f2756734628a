/**
 * Credentials: secrets that the device has and the executable has not. Each is a file in $CREDENTIALS_DIRECTORY, which
 * systemd fills (LoadCredential=) and anybody else can set. All are read before the program listens and at SIGHUP; what
 * they say goes into header fields and nowhere else, into no message either.
 */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { credentialNames } from "#generated/tables.ts";
import { ERROR, logLine } from "./log.ts";

/** CREDENTIAL_BYTES_MAX of build/template.ts, by which the buffers of heads are sized. */
const BYTES_MAX = 2048;
/** What can stand in a field everywhere: visible ASCII, blanks between. */
const VALUE = /^[!-~](?:[\t -~]*[!-~])?$/;

/** By number. Until they are read, what the routes file says: self-tests ask for that. */
export let credentials: readonly string[] = /* @__PURE__ */ credentialNames.map((name) => `{credential.${name}}`);

/** What no log may show, the longest first: their values, and those that requests under way may have from before. */
export let secretValues: readonly string[] = [];

/** One line on what is wrong with a credential; never its value. EX_CONFIG of sysexits.h: no restart will help. */
export class CredentialError extends Error {
  override readonly name = "CredentialError";
  readonly exitCode = 78;
}

/** Takes all of them, or none. @throws CredentialError */
export function readCredentials(): void {
  const folder = process.env.CREDENTIALS_DIRECTORY;
  if (folder === undefined || folder === "") {
    throw new CredentialError(
      `CREDENTIALS_DIRECTORY is not set, where this build looks for ${credentialNames.join(", ")}; start it by its unit, or name the folder that has a file for each`,
    );
  }
  const before = credentials;
  credentials = credentialNames.map((name) => read(folder, name));
  secretValues = [...credentials, ...before].sort((a, b) => b.length - a.length);
}

/** At SIGHUP. A request has the old ones or the new ones, since nothing else runs meanwhile. @returns for the status */
export function reloadCredentials(): string {
  try {
    readCredentials();
    logLine(`SIGHUP: ${credentials.length} credentials read anew`);
    return "credentials read anew";
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error;
    logLine(`SIGHUP: ${error.message}; the old ones stay in use`, ERROR);
    return "credentials NOT read anew, see the log";
  }
}

function read(folder: string, name: string): string {
  const refuse = (why: string): never => {
    throw new CredentialError(`credential "${name}" in ${folder}: ${why}`);
  };
  const buffer = Buffer.alloc(BYTES_MAX + 2);
  let bytes = 0;
  try {
    // A pipe would keep everybody waiting.
    const file = openSync(join(folder, name), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      bytes = readSync(file, buffer);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    refuse(code === "ENOENT" ? "there is no such file" : `it cannot be read (${code})`);
  }
  // Most tools end a file with a line break.
  const value = buffer.latin1Slice(0, bytes).replace(/\n$/, "");
  if (value === "") refuse("it is empty");
  if (value.length > BYTES_MAX) refuse(`it has more than ${BYTES_MAX} bytes`);
  if (!VALUE.test(value)) {
    const at = value.search(/[^\t -~]/);
    refuse(
      at === -1
        ? "it begins or ends with a blank"
        : `byte ${at + 1} can be in no header field; only visible ASCII and blanks can`,
    );
  }
  return value;
}
