/**
 * The demo of `make run`: a small upstream, and the built gateway in front of it, until Ctrl-C.
 *
 * Usage: demo.ts BINARY ROUTES TARGET; the two files say on which addresses.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { resolve } from "node:path";
import { parse } from "yaml";

const [binary, routesFile, targetFile] = process.argv.slice(2) as [string, string, string];
const routes = parse(readFileSync(routesFile, "utf8"));
const target = parse(readFileSync(targetFile, "utf8"));
const upstream = new URL(routes.upstreams.demo.endpoints[0].url);
const gateway = `http://${target.listeners.public.address}`;

/** Answers with what it was asked, so that one sees what the gateway did to it. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === "/echo") {
    request.pipe(response);
    return;
  }
  response.setHeader("content-type", "application/json");
  const { method, url, headers } = request;
  response.end(`${JSON.stringify({ hello: "from the demo upstream", method, url, headers }, null, 2)}\n`);
}

const demo = createServer(answer);
demo.once("error", (error: NodeJS.ErrnoException) => {
  console.error(`demo: cannot listen on ${upstream.host}: ${error.code}; ${routesFile} says where`);
  process.exit(69);
});
demo.listen(Number(upstream.port), upstream.hostname, start);

function start(): void {
  // A group of its own: Ctrl-C reaches only us, and the gateway gets one signal, after which it drains.
  const child = spawn(resolve(binary), { stdio: ["ignore", "inherit", "pipe"], detached: true });
  let said = "";
  child.stderr.on("data", (text) => {
    process.stderr.write(text);
    if (said.includes("listening on")) return;
    said += text;
    if (said.includes("listening on")) showWhatToTry();
  });
  child.on("error", (error) => {
    console.error(`demo: cannot start ${binary}: ${error.message}`);
    process.exit(71);
  });
  child.on("exit", (code) => process.exit(code ?? 70));
  process.on("exit", () => child.kill("SIGKILL"));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill("SIGTERM"));
}

function showWhatToTry(): void {
  console.log(`
The gateway answers on ${gateway} and passes requests to the demo upstream on ${upstream.origin}. Try:

  curl -i ${gateway}/hello
  curl -d 'some text' ${gateway}/echo
  curl -i --path-as-is ${gateway}/public/../admin

Ctrl-C stops both.
`);
}
