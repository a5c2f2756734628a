/** The id of an exchange, made when it is first asked for unless a feature took the client's. */
import type { Exchange } from "./exchange.ts";
import { randomHex } from "./random-hex.ts";

const ID_BYTES = 16;

/** The same all through one exchange. */
export function requestIdOf(x: Exchange): string {
  if (x.requestId === "") x.requestId = randomHex(ID_BYTES);
  return x.requestId;
}
