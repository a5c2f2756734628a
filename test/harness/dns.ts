/**
 * A name server for one process: `/etc/resolv.conf` is replaced in a mount namespace of its own, and points to a UDP
 * socket on loopback that answers, or keeps silent, as the test wants.
 */
import { createSocket, type Socket } from "node:dgram";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { atEnd } from "./at-end.ts";
import { Device } from "./device.ts";
import { runFolder } from "./run-folder.ts";

const UNSHARE = "/usr/bin/unshare";
/** glibc asks port 53 only; this loopback address is nobody's. */
const ADDRESS = "127.0.53.77";

/** Why tests that need a mount namespace are skipped, if they are. */
export const skipWithoutNamespaces: string | false =
  (process.getuid?.() !== 0 || !existsSync(UNSHARE)) && "a mount namespace needs root and unshare";

/** Starts an executable that sees `text` as its `/etc/resolv.conf`, until the end of the test. */
export async function deviceWithResolver(file: string, text: string): Promise<Device> {
  const conf = join(runFolder(), "resolv.conf");
  writeFileSync(conf, text);
  const script = 'mount --bind "$1" /etc/resolv.conf && exec "$0"';
  const started = new Device(UNSHARE, { args: ["-m", "/bin/sh", "-c", script, file, conf] });
  atEnd(() => started.stop());
  await started.says(/: listening on /);
  return started;
}

/** `resolv.conf` that names this server; `seconds` is how long the C library waits for it (5, and twice, by default). */
export function resolvConf(seconds: number): string {
  return `nameserver ${ADDRESS}\noptions timeout:${seconds} attempts:1\n`;
}

const TYPE_A = 1;
const HEADER_BYTES = 12;
/** Response, recursion available; no error. */
const ANSWERED = 0x8180;

export class NameServer {
  /** IPv4 addresses by name; what is not here does not exist. */
  readonly names = new Map<string, string>();
  /** While silent, questions are counted and not answered. */
  silent = false;
  questions = 0;
  private readonly socket: Socket = createSocket("udp4");

  static async start(): Promise<NameServer> {
    const server = new NameServer();
    await new Promise<void>((resolve, reject) => {
      server.socket.once("error", reject);
      server.socket.bind(53, ADDRESS, resolve);
    });
    atEnd(() => new Promise<void>((resolve) => server.socket.close(() => resolve())));
    return server;
  }

  private constructor() {
    this.socket.on("message", (question, peer) => {
      this.questions += 1;
      if (!this.silent) this.socket.send(this.answer(question), peer.port, peer.address);
    });
  }

  /** RFC 1035 4.1: the question back, with one address record if it asks for one. */
  private answer(question: Buffer): Buffer {
    const labels: string[] = [];
    let at = HEADER_BYTES;
    while (question[at] !== 0) {
      labels.push(question.toString("latin1", at + 1, at + 1 + question[at]!));
      at += 1 + question[at]!;
    }
    const address = this.names.get(labels.join("."));
    const wanted = address !== undefined && question.readUInt16BE(at + 1) === TYPE_A;
    const head = Buffer.from(question.subarray(0, at + 5));
    head.writeUInt16BE(address === undefined ? ANSWERED | 3 : ANSWERED, 2);
    head.writeUInt16BE(wanted ? 1 : 0, 6);
    head.writeUInt32BE(0, 8);
    if (!wanted) return head;
    // A pointer to the name in the question, type, class, time to live, length, address.
    const record = Buffer.from([
      0xc0,
      HEADER_BYTES,
      0,
      TYPE_A,
      0,
      1,
      0,
      0,
      0,
      60,
      0,
      4,
      ...address.split(".").map(Number),
    ]);
    return Buffer.concat([head, record]);
  }
}
