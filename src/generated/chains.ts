/** Stand-in for the generated chains: what the features of each route do in each phase (see build/feature.ts). */
import type { Exchange } from "../core/exchange.ts";

/** Also where no route took the request: `x.route` is negative then. */
export function arrive(_x: Exchange): void {}
export function request(_x: Exchange): number {
  return 0;
}
export function upstreamRequest(_x: Exchange, _out: Buffer, at: number): number {
  return at;
}
export function responseHead(_x: Exchange, _out: Buffer, at: number): number {
  return at;
}
/** As `arrive`, for every answer of the gateway itself. */
export function refusalHead(_x: Exchange, _out: Buffer, at: number): number {
  return at;
}
/** @param fault number of fault.ts */
export function upstreamError(_x: Exchange, _fault: number): void {}
/** As `arrive`. */
export function done(_x: Exchange): void {}
/** Keeps the value of a field that features asked for. */
export function takeField(_name: string, _value: string): void {}
/** @param name lower case */
export function dropsRequestField(_route: number, _name: string): boolean {
  return false;
}
/** The name is `bytes[start, end)`, in any case. */
export function dropsResponseField(_route: number, _bytes: Uint8Array, _start: number, _end: number): boolean {
  return false;
}
