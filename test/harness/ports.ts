/**
 * TCP ports for one test process. Routes name ports at build time, so the same test file should get the same ports in
 * every process of a run: its binary is then packed once and shared. Blocks lie below the range that the kernel takes
 * ports of outgoing connections from; the first port of a block is held as the claim on the rest, so that processes
 * that run at the same time get different blocks.
 */
import { createServer, type Server } from "node:net";

const FIRST_BLOCK = 20_000;
const BLOCK_PORTS = 20;
const BLOCKS = 500;

async function claimBlock(): Promise<number> {
  for (let block = 0; block < BLOCKS; block++) {
    const base = FIRST_BLOCK + block * BLOCK_PORTS;
    const claim = await listen(base);
    if (claim === undefined) continue;
    claim.unref();
    if (await isFree(base + 1, base + BLOCK_PORTS)) return base;
    claim.close();
  }
  throw new Error(`no ${BLOCK_PORTS} free ports in a row from ${FIRST_BLOCK} on`);
}

async function isFree(from: number, to: number): Promise<boolean> {
  for (let port = from; port < to; port++) {
    const probe = await listen(port);
    if (probe === undefined) return false;
    await new Promise((resolve) => probe.close(resolve));
  }
  return true;
}

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => resolve(server));
  });
}

const base = await claimBlock();

export const ports = {
  device: base + 1,
  /** Nothing ever listens here: connections are refused. */
  nobody: base + 2,
  origin: base + 3,
  secondOrigin: base + 4,
  nginx: base + 5,
  blackHole: base + 6,
  otherDevice: base + 7,
  admin: base + 8,
} as const;
