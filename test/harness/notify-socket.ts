/**
 * The other end of NOTIFY_SOCKET: a datagram socket that keeps what systemd-notify sends. Perl's, since Node.js has none
 * and Debian is never without perl; a message that carries a descriptor (BARRIER=1) has it closed as by systemd.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { atEnd } from "./at-end.ts";
import { runFolder } from "./run-folder.ts";

const RECEIVE = `use Socket; $| = 1; socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die $!; bind($s, sockaddr_un($ARGV[0])) or die $!;
print "{}\\n"; while (defined recv($s, my $m, 65536, 0)) { $m =~ s/\\n/\\x1f/g; print "$m\\n"; }`;

/** Why there is none; undefined if there can be one. For a test's `skip`. */
export const notifyMissing =
  existsSync("/usr/bin/systemd-notify") && existsSync("/usr/bin/perl") ? undefined : "needs systemd-notify and perl";

export type Message = Readonly<Record<string, string>>;

export class NotifySocket {
  readonly path: string;
  /** What came, barriers left out. */
  readonly messages: Message[] = [];
  readonly #times: number[] = [];
  readonly #ready: Promise<void>;

  private constructor(path: string) {
    this.path = path;
    const child = spawn("/usr/bin/perl", ["-e", RECEIVE, path], { stdio: ["ignore", "pipe", "inherit"] });
    atEnd(() => child.kill("SIGKILL"));
    let rest = "";
    this.#ready = new Promise((resolve) => {
      child.stdout.on("data", (bytes: Buffer) => {
        rest += bytes.toString();
        const lines = rest.split("\n");
        rest = lines.pop()!;
        for (const line of lines) {
          if (line === "{}") resolve();
          else if (line !== "BARRIER=1") this.#keep(line);
        }
      });
    });
  }

  static async open(): Promise<NotifySocket> {
    const socket = new NotifySocket(join(mkdtempSync(join(runFolder(), "notify-")), "socket"));
    await socket.#ready;
    return socket;
  }

  #keep(line: string): void {
    this.messages.push(Object.fromEntries(line.split("\x1f").map((field) => field.split(/=(.*)/s).slice(0, 2))));
    this.#times.push(performance.now());
  }

  /** Messages with this field. */
  with(name: string): Message[] {
    return this.messages.filter((message) => name in message);
  }

  /** When the messages with this field came, in milliseconds of `performance.now()`. */
  timesOf(name: string): number[] {
    return this.#times.filter((_, i) => name in this.messages[i]!);
  }

  /** Until none with this field has come for so long: who goes on sending them never lets it come to that. */
  async ceases(name: string, quietMs: number, limitMs = 10_000): Promise<void> {
    const limit = Date.now() + limitMs;
    for (let before = -1; before !== this.with(name).length; await sleep(quietMs)) {
      if (Date.now() > limit) throw new Error(`${name} still comes: ${this.timesOf(name).map(Math.round)}`);
      before = this.with(name).length;
    }
  }

  /** Until so many messages with this field have come. */
  async comes(name: string, count = 1, limitMs = 10_000): Promise<Message> {
    const limit = Date.now() + limitMs;
    while (this.with(name).length < count) {
      if (Date.now() > limit) throw new Error(`no ${count} messages with ${name}: ${JSON.stringify(this.messages)}`);
      await sleep(5);
    }
    return this.with(name)[count - 1]!;
  }
}
