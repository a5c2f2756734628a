/** An origin's requests, held back until the test answers them, in whatever order and shape it wants. */
import type { Request } from "./message.ts";
import type { Origin, OriginConnection } from "./origin.ts";

const WAIT_MS = 5000;
const POLL_MS = 2;

export interface HeldRequest {
  readonly request: Request;
  readonly connection: OriginConnection;
  /** The last part of its path. */
  readonly token: string;
}

/** Waits for something that takes a moment. */
export async function until(holds: () => boolean, what: string, waitMs = WAIT_MS): Promise<void> {
  const limit = Date.now() + waitMs;
  while (!holds()) {
    if (Date.now() > limit) throw new Error(`not within ${waitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export class Held {
  readonly all: HeldRequest[] = [];

  /** From now on `origin` answers nothing by itself. */
  constructor(origin: Origin) {
    origin.script((request, connection) => {
      this.all.push({ request, connection, token: request.target.split("/").at(-1)! });
    });
  }

  /** The first `count` requests, once they are there. */
  async take(count: number): Promise<HeldRequest[]> {
    await until(() => this.all.length >= count, `${count} requests at the origin, there are ${this.all.length}`);
    return this.all.slice(0, count);
  }

  /** How often a request with this token came. */
  timesOf(token: string): number {
    return this.all.filter((held) => held.token === token).length;
  }
}
