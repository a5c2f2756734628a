/**
 * The connections to the endpoints of one upstream: opened up to a maximum, reused last-in first-out, closed when idle
 * for too long. Endpoints are chosen in turn by weight or by the requests they have; one that just refused is passed
 * over while another can be had. What finds no connection waits in a bounded queue.
 */
import { HAS_LEAST_REQUEST, HAS_NAMES, HAS_PIPELINING } from "#generated/constants.ts";
import type { Endpoint, Upstream } from "#generated/tables.ts";
import { BUSY, Connection, type ConnectionOwner, IDLE } from "./connection.ts";
import type { Exchange } from "./exchange.ts";
import { doubtName } from "./resolve.ts";
import { addWalker, deadlineIn, hasPassed } from "./timers.ts";

/** A literal address, as the compiler writes them: with a colon, or four numbers. */
const IS_ADDRESS = /:|^\d+(?:\.\d+){3}$/;
/** A refused endpoint is passed over for this long while another one can be had. */
export const DOWN_MS = 1000;

export class EndpointPool {
  readonly endpoint: Endpoint;
  /** Whether the endpoint has to be resolved (resolve.ts). */
  readonly isName: boolean;
  /** The upstream's pool that this one is part of. */
  readonly group: UpstreamPool;
  private readonly upstream: Upstream;
  readonly idle: Connection[] = [];
  /** With pipelining, busy connections that carry only requests which may share one. */
  private readonly shared: Connection[] = [];
  /** Connections that are open or opening, and all that ever were. */
  open = 0;
  opened = 0;
  /** DOWN_MS after the last try to open a connection, if it failed; else 0. */
  downUntilMs = 0;
  /** Smooth weighted turns: the endpoint with the largest credit is next. */
  credit = 0;

  constructor(endpoint: Endpoint, upstream: Upstream, group: UpstreamPool) {
    this.group = group;
    this.isName = HAS_NAMES && endpoint.socketPath === "" && !IS_ADDRESS.test(endpoint.host);
    this.endpoint = endpoint;
    this.upstream = upstream;
  }

  /** Whether several requests may be on one connection. */
  get pipelines(): boolean {
    return this.upstream.pipelining > 1;
  }

  get isDown(): boolean {
    return this.downUntilMs !== 0 && !hasPassed(this.downUntilMs);
  }

  markDown(): void {
    if (this.isName) doubtName(this.endpoint.host);
    this.downUntilMs = deadlineIn(DOWN_MS);
  }

  markUp(): void {
    this.downUntilMs = 0;
  }

  /** Requests in flight for each unit of weight; with pipelining, connections stand for their requests. */
  get load(): number {
    return (this.open - this.idle.length) / this.endpoint.weight;
  }

  /**
   * A connection with room, or null.
   * @param fresh only one that has not served a request yet
   * @param shares whether the request may share a connection with others
   */
  take(owner: ConnectionOwner, fresh: boolean, shares: boolean): Connection | null {
    if (HAS_PIPELINING && shares && this.upstream.pipelining > 1) return this.takeShared(owner, fresh);
    return this.takeAlone(owner, fresh);
  }

  private takeAlone(owner: ConnectionOwner, fresh: boolean): Connection | null {
    if (!fresh) {
      const connection = this.idle.pop();
      if (connection !== undefined) {
        connection.state = BUSY;
        return connection;
      }
    }
    if (this.open === this.upstream.connectionsMax) {
      if (this.idle.length === 0) return null;
      // A fresh one is asked for: what has been idle for longest makes room.
      this.idle[0]!.close();
    }
    this.open += 1;
    this.opened += 1;
    return new Connection(this, owner);
  }

  private takeShared(owner: ConnectionOwner, fresh: boolean): Connection | null {
    for (let i = this.shared.length - 1; i >= 0; i--) {
      const connection = this.shared[i]!;
      if (connection.inFlight < this.upstream.pipelining && (!fresh || connection.served === 0)) return connection;
    }
    const connection = this.takeAlone(owner, fresh);
    if (connection !== null) this.shared.push(connection);
    return connection;
  }

  /** A connection goes on with a request that may or may not share it. */
  share(connection: Connection, shares: boolean): void {
    if (this.upstream.pipelining === 1) return;
    remove(this.shared, connection);
    if (shares) this.shared.push(connection);
  }

  /** Puts a clean connection back, for the next exchange. */
  release(connection: Connection): void {
    if (HAS_PIPELINING) remove(this.shared, connection);
    if (this.idle.length >= this.upstream.connectionsIdleMax || connection.isOutdated) {
      connection.close();
      return;
    }
    connection.state = IDLE;
    connection.idleDeadlineMs = deadlineIn(this.upstream.connectionsIdleMs);
    this.idle.push(connection);
  }

  forget(connection: Connection): void {
    this.open -= 1;
    if (HAS_PIPELINING) remove(this.shared, connection);
    if (connection.state === IDLE) remove(this.idle, connection);
  }

  /** Closes what has been idle for too long; the oldest are at the bottom. Returns whether any is left. */
  closeExpired(): boolean {
    while (this.idle.length > 0 && hasPassed(this.idle[0]!.idleDeadlineMs)) this.idle[0]!.close();
    return this.idle.length > 0;
  }
}

function remove(list: Connection[], connection: Connection): void {
  const index = list.indexOf(connection);
  if (index !== -1) list.splice(index, 1);
}

/** In which order endpoints are asked. */
const UP = 0;
const AVOIDED = 1;
const DOWN = 2;

function rankOf(endpoint: EndpointPool, avoids: EndpointPool | null): number {
  if (endpoint.isDown) return DOWN;
  return endpoint === avoids ? AVOIDED : UP;
}

export class UpstreamPool {
  readonly endpoints: EndpointPool[];
  readonly upstream: Upstream;
  private readonly owner: ConnectionOwner;
  private readonly weightTotal: number;
  readonly waiting: Exchange[] = [];

  constructor(upstream: Upstream, owner: ConnectionOwner) {
    this.upstream = upstream;
    this.owner = owner;
    this.endpoints = upstream.endpoints.map((endpoint) => new EndpointPool(endpoint, upstream, this));
    this.weightTotal = upstream.endpoints.reduce((sum, { weight }) => sum + weight, 0);
    addWalker(() => {
      let left = false;
      for (const endpoint of this.endpoints) if (endpoint.closeExpired()) left = true;
      return left;
    });
  }

  /**
   * A connection with room at the endpoint whose turn it is, else at any other; null if all are taken.
   * @param avoids an endpoint that is as good as down to this request
   */
  take(fresh: boolean, shares: boolean, avoids: EndpointPool | null): Connection | null {
    if (this.endpoints.length === 1) return this.endpoints[0]!.take(this.owner, fresh, shares);
    const preferred = HAS_LEAST_REQUEST && this.upstream.leastRequest ? this.leastLoaded() : this.nextInTurn();
    return this.takeFrom(preferred, fresh, shares, avoids);
  }

  /**
   * From the preferred one on; the one that the request avoids comes after the others. Where any is up, those that just
   * refused are not asked, however full it is: the request waits for it. Where none is, one that is back is found so.
   */
  private takeFrom(
    preferred: EndpointPool,
    fresh: boolean,
    shares: boolean,
    avoids: EndpointPool | null,
  ): Connection | null {
    const count = this.endpoints.length;
    const first = this.endpoints.indexOf(preferred);
    for (let rank = UP; rank <= DOWN; rank++) {
      let isNoneUp = true;
      for (let i = 0; i < count; i++) {
        const endpoint = this.endpoints[(first + i) % count]!;
        if (!endpoint.isDown) isNoneUp = false;
        if (rankOf(endpoint, avoids) !== rank) continue;
        const connection = endpoint.take(this.owner, fresh, shares);
        if (connection !== null) return connection;
      }
      if (rank === AVOIDED && !isNoneUp) return null;
    }
    return null;
  }

  /** nginx's smooth weighted round robin: heavy endpoints are asked more often, but not several times in a row. */
  private nextInTurn(): EndpointPool {
    let best = this.endpoints[0]!;
    for (const endpoint of this.endpoints) {
      endpoint.credit += endpoint.endpoint.weight;
      if (endpoint.credit > best.credit) best = endpoint;
    }
    best.credit -= this.weightTotal;
    return best;
  }

  /** Among equals the one whose turn it is, so that an idle upstream's endpoints share the work too. */
  private leastLoaded(): EndpointPool {
    const turn = this.nextInTurn();
    let best = turn.isDown ? this.endpoints[0]! : turn;
    for (const endpoint of this.endpoints) {
      if (!endpoint.isDown && (best.isDown || endpoint.load < best.load)) best = endpoint;
    }
    return best;
  }

  /** Queues an exchange that found no connection; false if the queue is full. What is sent again has waited already. */
  wait(x: Exchange): boolean {
    if (this.waiting.length >= this.upstream.waitingMax) return false;
    if (x.replayed) this.waiting.unshift(x);
    else this.waiting.push(x);
    return true;
  }

  stopWaiting(x: Exchange): void {
    const index = this.waiting.indexOf(x);
    if (index !== -1) this.waiting.splice(index, 1);
  }

  /** The exchange that has waited longest. */
  get firstWaiting(): Exchange | undefined {
    return this.waiting[0];
  }
}
