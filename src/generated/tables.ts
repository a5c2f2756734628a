/** Stand-in for the generated tables: listeners, upstreams and per-route numbers, indexed by route or upstream. */

export interface Listener {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly socketPath: string;
  readonly weight: number;
}
export interface Upstream {
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  readonly connectionsMax: number;
  readonly connectionsIdleMax: number;
  readonly connectionsIdleMs: number;
  readonly waitingMax: number;
  readonly pipelining: number;
  readonly leastRequest: boolean;
}

/** The gateway's name (`name` of the routes file), the pseudonym in Via. */
export const name: string = "standin";
export const target: string = "linux-x64";
/** Of the files in $CREDENTIALS_DIRECTORY. */
export const credentialNames: readonly string[] = [];
export const listeners: readonly Listener[] = [];
export const upstreams: readonly Upstream[] = [];

export const routeNames: readonly string[] = [];
/** Index into `upstreams`, -1 where a feature answers. */
export const routeUpstream: Int32Array = new Int32Array(0);
export const routeConnectMs: Uint32Array = new Uint32Array(0);
export const routeQueueMs: Uint32Array = new Uint32Array(0);
export const routeResponseHeaderMs: Uint32Array = new Uint32Array(0);
export const routeRequestMs: Uint32Array = new Uint32Array(0);
export const routeIdleMs: Uint32Array = new Uint32Array(0);
/** Largest request body in bytes; a double, since bodies may pass 4 GiB. */
export const routeBodyBytesMax: Float64Array = new Float64Array(0);
/** Of a route's requests: path and query together, number of fields, how many at once; 2^32 - 1 where it has no limit. */
export const routeUriBytesMax: Uint32Array = new Uint32Array(0);
export const routeFieldsMax: Uint32Array = new Uint32Array(0);
export const routeInFlightMax: Uint32Array = new Uint32Array(0);
