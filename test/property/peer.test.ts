/**
 * Clients' addresses without a system call per request: whatever opens, closes and asks in whatever order, also while the
 * process asks itself, each connection has its own address.
 */

import type { HttpResponse } from "uWebSockets.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { excuseSelf, expectSelf, openConnections, peerAddress, trackConnection } from "../../src/core/peer.ts";
import { SEED } from "./seed.ts";

const ADDRESSES = ["127.0.0.1", "10.0.0.1", "10.0.0.2"];

/** What uWebSockets.js knows of a connection, and how often it had to ask the kernel. */
class Connection {
  readonly address: string;
  static asked = 0;

  constructor(address: string) {
    this.address = address;
  }

  get res(): HttpResponse {
    const getRemoteAddressAsText = () => {
      Connection.asked += 1;
      return new TextEncoder().encode(this.address).buffer;
    };
    return { getRemoteAddressAsText } as unknown as HttpResponse;
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant("open" as const), address: fc.constantFrom(...ADDRESSES) }),
  fc.record({ kind: fc.constant("close" as const), index: fc.nat(9) }),
  fc.record({ kind: fc.constantFrom("expect", "accept", "answer", "end") }),
);

test("every client's address is its own, whatever else goes on", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.constantFrom(...ADDRESSES), (steps, selfAddress) => {
      const open: Connection[] = [];
      let self: Connection | undefined;
      for (const each of steps) {
        if (each.kind === "open") {
          open.push(new Connection(each.address));
          trackConnection(open.at(-1)!.res, 1);
        } else if (each.kind === "close" && each.index < open.length) {
          trackConnection(open.splice(each.index, 1)[0]!.res, -1);
        } else if (each.kind === "expect" && self === undefined) expectSelf();
        else if (each.kind === "accept" && self === undefined) {
          self = new Connection(selfAddress);
          trackConnection(self.res, 1);
        } else if (each.kind === "answer" && self !== undefined) excuseSelf(self.res);
        else if (each.kind === "end" && self !== undefined) {
          trackConnection(self.res, -1);
          self = undefined;
        }
        for (const { address, res } of open) assert.equal(peerAddress(res), address);
      }
      if (self !== undefined) trackConnection(self.res, -1);
      for (const { res } of open) trackConnection(res, -1);
      assert.equal(openConnections(), 0);
    }),
    { seed: SEED, numRuns: 20_000 },
  );
});

test("after a request to itself the only client costs no system call again", () => {
  const client = new Connection("10.0.0.1");
  const self = new Connection("127.0.0.1");
  trackConnection(client.res, 1);
  expectSelf();
  trackConnection(self.res, 1);
  excuseSelf(self.res);
  trackConnection(self.res, -1);
  const before = Connection.asked;
  assert.equal(peerAddress(client.res), "10.0.0.1");
  assert.equal(Connection.asked, before);
  trackConnection(client.res, -1);
});
