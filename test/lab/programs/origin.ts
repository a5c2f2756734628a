/**
 * An origin within a machine's network: answers /status/500 with 500, /wait/1500/… after 1.5 s, all else at once. Its
 * argument is the port.
 */
import { createServer } from "node:http";

const server = createServer((request, response) => {
  const [, kind, value] = request.url!.split("/");
  const answer = (): void => {
    response.statusCode = kind === "status" ? Number(value) : 200;
    response.end("ok");
  };
  if (kind === "wait") setTimeout(answer, Number(value));
  else answer();
});
server.keepAliveTimeout = 0;
server.listen(Number(process.argv[2]), "127.0.0.1", 4096, () => process.send!("ready"));
process.on("disconnect", () => process.exit());
