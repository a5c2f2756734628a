/** A real nginx as origin: serves files of a folder, takes PUT. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { atEnd } from "./at-end.ts";
import { runFolder } from "./run-folder.ts";

const NGINX = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"].find((path) => existsSync(path));

/** False, or why a test that needs nginx is skipped. */
export const skipWithoutNginx: string | false = NGINX === undefined && "nginx is not installed (Debian: nginx-light)";

/** Starts it until the end of the file; returns the folder it serves. */
export async function nginx(port: number): Promise<string> {
  const folder = mkdtempSync(join(runFolder(), "nginx-"));
  const files = join(folder, "files");
  mkdirSync(files);
  // Workers run as another user where the tests run as root.
  for (const path of [folder, files]) chmodSync(path, 0o777);
  chmodSync(runFolder(), 0o755);
  writeFileSync(join(folder, "nginx.conf"), configuration(folder, port));
  const child = spawn(NGINX!, ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", join(folder, "error.log")], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const kill = (): boolean => child.kill("SIGTERM");
  process.on("exit", kill);
  atEnd(() => stop(child));
  await untilListening(port, child);
  return files;
}

function configuration(folder: string, port: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(" ");
  return `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
events { worker_connections 256; }
http {
  access_log off;
  ${temporary}
  client_max_body_size 0;
  server {
    listen 127.0.0.1:${port};
    root ${folder}/files;
    rewrite ^/files/(.*)$ /$1 break;
    location / { dav_methods PUT DELETE; create_full_put_path on; }
  }
}
`;
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`);
    const open = await new Promise((resolve) => {
      const probe = connect({ host: "127.0.0.1", port }, () => {
        probe.destroy();
        resolve(true);
      });
      probe.on("error", () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nginx does not listen on port ${port}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await exited;
}

/** Its version, for the test's name. */
export function nginxVersion(): string {
  if (NGINX === undefined) return "nginx";
  return execFileSync("sh", ["-c", `${NGINX} -v 2>&1`], { encoding: "utf8" })
    .trim()
    .replace("nginx version: ", "");
}
