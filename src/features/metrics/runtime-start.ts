/** What runs beside the requests: the watch on collections, and the file for node_exporter. */
import { chmod, rename, writeFile } from "node:fs";
import { logLine, WARNING } from "../../core/log.ts";
import { isListening } from "../../core/server.ts";
import { every } from "../../core/timers.ts";
import { type PageData, textOf } from "./runtime-page.ts";
import { watchCollections } from "./runtime-process.ts";

interface FileData {
  readonly path: string;
  readonly intervalMs: number;
  readonly page: PageData;
}

export function start(): void {
  watchCollections();
}

export function startWithFile(data: FileData): void {
  watchCollections();
  write(data);
  every(data.intervalMs, () => write(data));
}

let isWriting = false;
/** A failure is told once, not every interval. */
let hasFailed = false;

/** Under another name first, so that nobody ever reads a part of it. */
function write({ path, page }: FileData): void {
  // While one process of this program takes over from another, the file is that one's which serves.
  if (isWriting || !isListening) return;
  isWriting = true;
  // What the other one has begun to write may not be finished yet.
  const temporary = `${path}.${process.pid}`;
  const end = (error: NodeJS.ErrnoException | null): void => {
    isWriting = false;
    if (error !== null && !hasFailed) logLine(`metrics: ${path} cannot be written: ${error.message}`, WARNING);
    hasFailed = error !== null;
  };
  // A copy, since a page may be asked for before the file is written.
  writeFile(temporary, Buffer.from(textOf(page, false)), (error) => {
    if (error !== null) return end(error);
    // For a reader of another user, whatever the umask.
    chmod(temporary, 0o644, (error) => (error !== null ? end(error) : rename(temporary, path, end)));
  });
}
