/**
 * An address that never answers a connection attempt, without any network: a listener whose thread sleeps and whose
 * queue is full, so that the kernel drops further attempts.
 */
import { connect, type Socket } from "node:net";
import { Worker } from "node:worker_threads";
import { atEnd } from "./at-end.ts";

const LISTENER = `
const { parentPort, workerData } = require("node:worker_threads");
require("node:net").createServer().listen({ host: "127.0.0.1", port: workerData, backlog: 1 }, () => {
  parentPort.postMessage("listening");
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
});`;
const QUEUE_MAX = 16;
const STUCK_MS = 200;

export async function blackHole(port: number): Promise<void> {
  const worker = new Worker(LISTENER, { eval: true, workerData: port });
  const fillers: Socket[] = [];
  atEnd(async () => {
    for (const socket of fillers) socket.destroy();
    await worker.terminate();
  });
  await new Promise((resolve) => worker.once("message", resolve));
  while (fillers.length < QUEUE_MAX) {
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => {});
    fillers.push(socket);
    const connected = await new Promise((resolve) => {
      socket.once("connect", () => resolve(true));
      // After what the kernel had to tell by then: this process may have slept for too long.
      setTimeout(() => setImmediate(resolve, false), STUCK_MS);
    });
    if (!connected) return;
  }
  throw new Error("the listener's queue does not fill");
}
