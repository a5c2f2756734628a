/** What the serving process and the one beside it, on trial, say to each other over Node's own channel. */
import type { Counts } from "./counts.ts";
import type { Standard } from "./judge.ts";
import type { Verdict } from "./state.ts";

/** Raised when a build could no longer take over from an older one, or hand over to it. */
export const PROTOCOL = 2;

/** From the one on trial. */
export type Report =
  | { readonly kind: "ready"; readonly protocol: number; readonly build: string; readonly standard: Standard }
  | { readonly kind: "counts"; readonly counts: Counts }
  | { readonly kind: "failed"; readonly reason: string }
  | SocketTurn;

/** To the one on trial: it is the service's main process from now on, or it has to go. */
export type Order = { readonly kind: "main"; readonly last: Verdict } | { readonly kind: "retire" } | SocketTurn;

/** With a listening socket, there and back again (inherit.ts). */
interface SocketTurn {
  readonly kind: "socket";
}
