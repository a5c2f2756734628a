/** Why a command about builds was not carried out: one line, and an exit code of sysexits.h. */
export class Refused extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

const EXIT_CODES: Readonly<Record<string, number>> = { EACCES: 77, EPERM: 77, ENOSPC: 73, EDQUOT: 73, EROFS: 73 };

/** Runs what works on the file system; what its errors mean for whoever typed the command. @throws Refused */
export function onDevice<Result>(what: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined || error instanceof Refused) throw error;
    const exitCode = EXIT_CODES[code] ?? 74;
    const advice = exitCode === 77 ? "; run it as root" : code === "ENOSPC" ? "; nothing was changed" : "";
    throw new Refused(`cannot ${what}: ${message}${advice}`, exitCode);
  }
}
