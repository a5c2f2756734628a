/** Tells systemd that another process is the service's main one. Without systemd nobody is told. */

/** @throws Error if it could not be told */
export async function tellMainPid(pid: number): Promise<void> {
  if (process.env.NOTIFY_SOCKET === undefined) return;
  const { spawn } = process.getBuiltinModule("node:child_process");
  await new Promise<void>((resolve, reject) => {
    const child = spawn("/usr/bin/systemd-notify", [`MAINPID=${pid}`], { stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`systemd-notify ended with ${code}`))));
  });
}
