/** What every command prints with, and the exit codes they share. Only commands print. */
import type { Command } from "commander";
import { type Diagnostic, renderDiagnostics, renderVerdict } from "../diagnostics.ts";

/** sysexits.h; `differ` and `trouble` are diff(1)'s: something was found, nothing could be compared. */
export const EXIT = { ok: 0, differ: 1, trouble: 2, usage: 64, badInput: 65, missingInput: 66, internal: 70 } as const;

export function print(text: string): void {
  process.stdout.write(text);
}

export function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}

export function toJson(data: object): string {
  return `${JSON.stringify(data, null, 2)}\n`;
}

export function complainAll(diagnostics: readonly Diagnostic[]): void {
  if (diagnostics.length === 0) return;
  const verdict = renderVerdict(diagnostics);
  complain(verdict === "" ? renderDiagnostics(diagnostics) : `${renderDiagnostics(diagnostics)}\n${verdict}`);
}

/**
 * An option that a command cannot do without. Not commander's requiredOption: that complains of `--target` before it
 * sees that `--taget` was meant.
 */
export function need<Name extends string>(
  command: Command,
  options: Readonly<Partial<Record<Name, string>>>,
  name: Name,
  value = "file",
): string {
  return options[name] || command.error(`the option --${name} <${value}> is missing`);
}

/** On a terminal one line that is written over; elsewhere nothing, the report says it all. */
export function showProgress() {
  if (!process.stderr.isTTY) return { step() {}, clear() {} };
  return {
    step(line: string) {
      process.stderr.write(`\r\u001b[K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
    },
    clear() {
      process.stderr.write("\r\u001b[K");
    },
  };
}
