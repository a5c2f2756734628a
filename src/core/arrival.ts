/** Which listener the request whose head is being read came by, where features tell listeners apart. */
import { listeners } from "#generated/tables.ts";

let listenerName = "";

export function arriveBy(listener: number): void {
  listenerName = listeners[listener]!.name;
}

/** Whether it was one of these. */
export function cameBy(names: readonly string[]): boolean {
  return names.includes(listenerName);
}
