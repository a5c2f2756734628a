/** rewrite, on the device: the start of the path is exchanged before the request goes to the upstream. */
import type { Exchange } from "../../core/exchange.ts";

/**
 * `cut` characters are taken off the path and `put` is put in front of the rest. The build has made sure that the
 * route's paths start with what is cut, and that the rest is empty or starts with "/".
 */
export function replacePrefix(x: Exchange, data: { readonly cut: number; readonly put: string }): number {
  const path = data.put + x.path.slice(data.cut);
  x.path = path === "" ? "/" : path;
  return 0;
}
