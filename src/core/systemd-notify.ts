/**
 * One message to systemd. Node.js has no datagram sockets for that (nodejs/node#61933), so systemd's own program is run
 * for each; it is worth some milliseconds.
 */
const PROGRAM = "/usr/bin/systemd-notify";
/** It waits for up to 5 s by itself until the message has been read. */
const PROGRAM_MS_MAX = 10_000;

/**
 * @param fields "READY=1" (sd_notify(3))
 * @param saysWhy what the program has to say of a failure goes to the log
 * @returns why it may not have been heard, else ""
 */
export function notify(fields: readonly string[], saysWhy: boolean): Promise<string> {
  return new Promise((resolve) => {
    const end = (problem: string): void => resolve(problem && `${PROGRAM} ${problem}`);
    try {
      // Loaded for this alone: it takes 10 ms.
      const child = process.getBuiltinModule("node:child_process").spawn(PROGRAM, fields, {
        stdio: ["ignore", "ignore", saysWhy ? "inherit" : "ignore"],
        timeout: PROGRAM_MS_MAX,
        killSignal: "SIGKILL",
      });
      child.once("error", (error: NodeJS.ErrnoException) => end(`cannot be run: ${error.code}`));
      child.once("exit", (code, signal) => end(code === 0 ? "" : `ended with ${signal ?? code}`));
    } catch (error) {
      end(`cannot be run: ${(error as NodeJS.ErrnoException).code}`);
    }
  });
}
