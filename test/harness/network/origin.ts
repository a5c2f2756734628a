/**
 * An origin in a network of its own: answers /status/500 with 500, /wait/1500/… after 1.5 s, all else at once. Its
 * arguments are the port and how many ms it takes for all else.
 */
import { createServer } from "node:http";

const [port, delayMs] = process.argv[2]!.split(",").map(Number) as [number, number];

const server = createServer((request, response) => {
  const [, kind, value] = request.url!.split("/");
  const answer = (): void => {
    response.statusCode = kind === "status" ? Number(value) : 200;
    response.end("ok");
  };
  if (kind === "wait") setTimeout(answer, Number(value));
  else if (delayMs > 0) setTimeout(answer, delayMs);
  else answer();
});
server.keepAliveTimeout = 0;
server.listen(port, "127.0.0.1", 4096, () => process.send!("ready"));
process.on("disconnect", () => process.exit());
