/**
 * What is around the gateway in its namespace, as a program of its own: origins, and clients that count what goes wrong.
 * A line on standard input, the options of a load, starts one; an empty line ends it, and its result comes as a line.
 */
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { ORIGIN_PORT, SLOW_MS, SLOW_PORT } from "./builds.ts";
import { Load } from "./load.ts";

createServer((_, answer) => answer.end("ok")).listen(ORIGIN_PORT, "127.0.0.1");
createServer((_, answer) => setTimeout(() => answer.end("ok"), SLOW_MS)).listen(SLOW_PORT, "127.0.0.1");

let load: Load | undefined;
for await (const line of createInterface({ input: process.stdin })) {
  if (line !== "") {
    load = new Load(JSON.parse(line));
    continue;
  }
  console.log(JSON.stringify(await load!.stop()));
}
process.exit(0);
