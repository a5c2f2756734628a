/** respond, on the device: the reply was encoded at build, all that is left is its number. */
import type { Exchange } from "../../core/exchange.ts";

export function respond(_x: Exchange, reply: number): number {
  return reply;
}
