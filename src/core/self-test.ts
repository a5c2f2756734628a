/**
 * `--self-test`: the executable asks itself what its routes file's `tests` ask. Each request is sent through a socket of
 * this machine and read by uWebSockets.js as any other; then it goes the core's way but for the sending (probe.ts), so
 * that no upstream is needed and none hears of it. Nothing of the routes' own listeners is opened.
 */
import type { TemplatedApp, us_listen_socket } from "uWebSockets.js";
import { getAsset } from "node:sea";
import { CLIENT_HEAD_BYTES_MAX } from "#generated/constants.ts";
import { name } from "#generated/tables.ts";
import { loadAddon, type Uws } from "./addon.ts";
import { type Outcome, probe } from "./probe.ts";
import { describe, type Failure, judge, type RouteTest } from "./route-test.ts";

interface Result extends RouteTest {
  readonly outcome: string;
  readonly failures: readonly Failure[];
}

/** Runs all tests, prints what came of them, and ends the process: 0 all passed, 1 some failed. */
export async function selfTest(asJson: boolean): Promise<void> {
  const results = await runTests(loadAddon(CLIENT_HEAD_BYTES_MAX));
  process.exitCode = results.some(({ failures }) => failures.length > 0) ? 1 : 0;
  process.stdout.write(asJson ? `${JSON.stringify({ name, tests: results }, null, 2)}\n` : report(results));
}

export async function runTests(addon: Uws): Promise<Result[]> {
  const tests = JSON.parse(getAsset("tests.json", "utf8")) as RouteTest[];
  const asker = new Asker(addon);
  const results: Result[] = [];
  for (const test of tests) {
    const outcome = await asker.ask(test);
    results.push({ ...test, outcome: describe(outcome), failures: judge(test, outcome) });
  }
  asker.close();
  return results;
}

function report(results: readonly Result[]): string {
  const failed = results.filter(({ failures }) => failures.length > 0);
  const lines = failed.flatMap(({ source, method, host, target, failures }) => [
    `${source}  ${method} ${host}${target}`,
    ...failures.map(({ path, message }) => `  ${["expect", ...path].join(".")}: ${message}`),
  ]);
  return `${[...lines, `${name}: ${results.length - failed.length} of ${results.length} tests pass`].join("\n")}\n`;
}

/** A server that answers nothing but keeps what would become of the request, and a client of it. */
class Asker {
  readonly #app: TemplatedApp;
  readonly #port: number;
  #listener = 0;
  #outcome: Outcome | undefined;

  constructor(addon: Uws) {
    this.#app = addon.App();
    this.#app.any("/*", (res, req) => {
      this.#outcome = probe(req, this.#listener);
      res.onData(() => {});
      res.endWithoutBody(0, true);
    });
    let socket: us_listen_socket | false = false;
    this.#app.listen("127.0.0.1", 0, (opened) => {
      socket = opened;
    });
    if (socket === false) throw new Error("cannot listen on 127.0.0.1");
    this.#port = addon.us_socket_local_port(socket);
  }

  ask({ listener, method, host, target, fields }: RouteTest): Promise<Outcome> {
    this.#listener = listener;
    this.#outcome = undefined;
    const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const socket = process.getBuiltinModule("node:net").connect({ host: "127.0.0.1", port: this.#port });
    return new Promise((resolve, reject) => {
      let answer = "";
      socket.on("data", (bytes) => {
        answer += bytes.latin1Slice();
      });
      socket.on("error", reject);
      socket.on("close", () => resolve(this.#outcome ?? refusedBelow(answer)));
      socket.write(`${method} ${target} HTTP/1.1\r\nhost: ${host}\r\n${lines}\r\n`);
    });
  }

  close(): void {
    this.#app.close();
  }
}

/** uWebSockets.js has answered by itself, or closed the connection without a word. */
function refusedBelow(answer: string): Outcome {
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
  const code = "refused by uWebSockets.js";
  return { route: "", status: status || 400, code, upstream: "", path: "", requestFields: [], responseFields: [] };
}
