/** metrics, on the device: what generated code calls. Requests are counted as they end; all else is read when asked for. */
export { count, countError } from "./runtime-count.ts";
export { page } from "./runtime-page.ts";
export { start, startWithFile } from "./runtime-start.ts";
