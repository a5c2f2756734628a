/** The options of Node.js and V8 that are compiled into every executable; it takes none from its environment. */

/**
 * Memory that stays small and does not depend on chance: a young generation of 1 MiB, since the request path leaves
 * only short-lived strings, and no compiling on other threads, whose malloc arenas keep some 4 MB for good. Neither
 * shows in CPU per request; compiling takes some milliseconds at a time while the program warms up. A
 * device's program opens no debugger at a SIGUSR1: Node blocks the signal. None of them makes V8 refuse the compiled form
 * of Node's own JavaScript, as `--expose-gc` would, which costs 9 ms at each start.
 */
const ALWAYS = ["--max-semi-space-size=1", "--no-concurrent-recompilation", "--disable-sigusr1"];

/** @param heapMib bound of the old generation, in MiB; undefined for V8's own */
export function nodeOptions(heapMib: number | undefined): string[] {
  return heapMib === undefined ? ALWAYS : [...ALWAYS, `--max-old-space-size=${heapMib}`];
}
