/**
 * The origin and the two peers: nginx and HAProxy, set up as their authors would for this job and never to their
 * disadvantage. One worker or thread, keep-alive on both sides without end, no logs, connections enough for every
 * client. They forward only: the fields X-Forwarded-*, X-Real-IP and Via, which hardwire always sets, are left out for
 * them, so where the work is not the same it is the peers that do less.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LOAD_CORE, PROXY_CORE, type Running, startPinned } from "./processes.ts";

/** What the scenarios ask for; `/small` is 55 bytes of JSON. */
export const FILE_BYTES = { "/16k": 16 << 10, "/1m": 1 << 20 } as const;
const SMALL_JSON = '{"id":1234567,"name":"device","ok":true,"value":12.567}';

/** Larger than the largest number of client connections: nobody ever opens a connection under load. */
export const UPSTREAM_CONNECTIONS = 600;

/** A prepared configuration: how to start it, any number of times. */
export interface Prepared {
  readonly port: number;
  readonly start: (env?: NodeJS.ProcessEnv) => Running;
}

const NGINX_COMMON = (dir: string) => `daemon off;
pid ${dir}/nginx.pid;
error_log stderr error;
worker_processes 1;
# The folder is private; without this the worker could not read it when we are root.
${process.getuid?.() === 0 ? "user root;" : ""}
events { worker_connections 4096; }
`;

const NGINX_HTTP_COMMON = (dir: string) => `
  access_log off;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  client_body_temp_path ${dir}/body;
  proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi;
  scgi_temp_path ${dir}/scgi;
`;

/** Where the origin tells how many requests it got. */
const STATUS_PATH = "/origin-status";

/** Requests that reached the origin so far, this one included. */
export async function readOriginRequests(originPort: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${originPort}${STATUS_PATH}`)).text();
  return Number(/^ \d+ \d+ (\d+)/m.exec(text)![1]);
}

/** Answers everything from memory or by sendfile; a POST body is read and dropped. */
export function prepareOrigin(parent: string, port: number): Prepared {
  const dir = prepareDir(parent, "origin");
  for (const [path, bytes] of Object.entries(FILE_BYTES)) writeFileSync(join(dir, path), Buffer.alloc(bytes, "x"));
  const config = `${NGINX_COMMON(dir)}
http {${NGINX_HTTP_COMMON(dir)}
  sendfile on;
  tcp_nopush on;
  open_file_cache max=16 inactive=1h;
  open_file_cache_valid 1h;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    default_type application/json;
    root ${dir};
    location = ${STATUS_PATH} { stub_status; }
    location / { return 200 '${SMALL_JSON}'; }
${Object.keys(FILE_BYTES)
  .map((path) => `    location = ${path} { default_type application/octet-stream; }`)
  .join("\n")}
  }
}
`;
  return prepareNginx(dir, config, port, LOAD_CORE);
}

export function prepareNginxProxy(parent: string, port: number, originPort: number): Prepared {
  const dir = prepareDir(parent, "nginx");
  const config = `${NGINX_COMMON(dir)}
http {${NGINX_HTTP_COMMON(dir)}
  upstream origin {
    server 127.0.0.1:${originPort};
    keepalive ${UPSTREAM_CONNECTIONS};
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      # 64 KiB at once, as hardwire reads: of 4, 16 and 64 KiB the least CPU over the scenarios. Never to a file.
      proxy_buffer_size 64k;
      proxy_buffers 8 64k;
      proxy_busy_buffers_size 128k;
      proxy_max_temp_file_size 0;
      # Uploads stay in memory.
      client_body_buffer_size 64k;
    }
  }
}
`;
  return prepareNginx(dir, config, port, PROXY_CORE);
}

function prepareNginx(dir: string, config: string, port: number, core: number): Prepared {
  const path = join(dir, "nginx.conf");
  writeFileSync(path, config);
  // As root Debian has it in /usr/sbin, which is not on everyone's path.
  return { port, start: (env) => startPinned(core, "/usr/sbin/nginx", ["-p", dir, "-c", path, "-e", "stderr"], env) };
}

export function prepareHaproxy(parent: string, port: number, originPort: number): Prepared {
  const dir = prepareDir(parent, "haproxy");
  const path = join(dir, "haproxy.cfg");
  // Buffers of 64 KiB and splice: of 16 and 64 KiB, with and without, the least CPU over the scenarios.
  writeFileSync(
    path,
    `global
  nbthread 1
  maxconn 4096
  tune.bufsize 65536

defaults
  mode http
  no log
  option http-keep-alive
  option splice-auto
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s

frontend public
  bind 127.0.0.1:${port} backlog 4096
  default_backend origin

backend origin
  server origin 127.0.0.1:${originPort} pool-max-conn ${UPSTREAM_CONNECTIONS} pool-low-conn ${UPSTREAM_CONNECTIONS} pool-purge-delay 60s
`,
  );
  return { port, start: (env) => startPinned(PROXY_CORE, "/usr/sbin/haproxy", ["-db", "-f", path], env) };
}

function prepareDir(parent: string, name: string): string {
  const dir = join(parent, name);
  mkdirSync(dir);
  return dir;
}

export function readVersions(): { readonly nginx: string; readonly haproxy: string } {
  const nginx = execFileSync("sh", ["-c", "/usr/sbin/nginx -v 2>&1"], { encoding: "utf8" });
  const haproxy = execFileSync("/usr/sbin/haproxy", ["-v"], { encoding: "utf8" });
  return { nginx: /nginx\/([\d.]+)/.exec(nginx)?.[1] ?? "?", haproxy: /version ([\d.]+)/.exec(haproxy)?.[1] ?? "?" };
}
