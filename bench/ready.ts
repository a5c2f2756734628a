/** Free ports, and the moment at which a program answers for the first time. */
import { connect, createServer } from "node:net";

/** Ports that were free a moment ago; all are held until all are known, so that none comes twice. */
export async function findFreePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  const ports: number[] = [];
  for (const server of servers) {
    if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
    ports.push((server.address() as { port: number }).port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

const READY_MS = 10_000;

/** Tries without a pause until an answer begins with 200; gives the milliseconds since `startedMs`. */
export async function waitReady(port: number, path: string, startedMs: number): Promise<number> {
  while (!(await tryOnce(port, path))) {
    if (performance.now() - startedMs > READY_MS) throw new Error(`no answer on port ${port} within ${READY_MS} ms`);
  }
  return performance.now() - startedMs;
}

function tryOnce(port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`));
    socket.on("data", (data) => {
      resolve(data.toString("latin1").startsWith("HTTP/1.1 200 "));
      socket.destroy();
    });
    socket.on("error", () => resolve(false));
    socket.on("close", () => resolve(false));
  });
}
