/** The options of Node.js and V8 that are compiled into every executable; it takes none from its environment. */

/**
 * Memory that stays small and does not depend on chance: a young generation of 1 MiB, since the request path leaves
 * only short-lived strings, and no compiling on other threads, whose malloc arenas keep some 4 MB for good. Neither
 * shows in CPU per request; compiling takes some milliseconds at a time while the program warms up. None of them makes
 * V8 refuse the compiled form of Node's own JavaScript, as `--expose-gc` would, which costs 9 ms at each start.
 *
 * Besides, a thread that compiles as the program ends may keep it from ending for good: it waits for the main thread to
 * collect garbage, which waits for it (nodejs/node#54918).
 */
const ALWAYS = [
  "--max-semi-space-size=1",
  "--no-concurrent-recompilation",
  "--no-concurrent-sparkplug",
  ...noDebugger(),
];

/**
 * At SIGUSR1 Node opens a debugger, until the program listens for the signal some 20 ms after its start. Its own way to
 * forbid that, `--disable-sigusr1`, blocks the signal for good, so that the program never sees it either. So the
 * debugger is given a name to listen on that is too long for libuv's resolver (256 bytes): it fails before anybody is
 * asked and before any socket is made, whoever sends the signal and whenever.
 */
function noDebugger(): string[] {
  return [`--inspect-port=${"no-debugger.".repeat(22)}:9229`];
}

/** @param heapMib bound of the old generation, in MiB; undefined for V8's own */
export function nodeOptions(heapMib: number | undefined): string[] {
  return heapMib === undefined ? ALWAYS : [...ALWAYS, `--max-old-space-size=${heapMib}`];
}
