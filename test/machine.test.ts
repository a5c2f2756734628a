/** The least memory that a build starts with, held against what this machine really has. */
import assert from "node:assert/strict";
import { totalmem } from "node:os";
import { test } from "node:test";
import { refuseSmallMachine } from "../src/core/machine.ts";

const LARGEST_PAGE = 65_536;
const limitBytes = process.constrainedMemory();
const hasBytes = limitBytes > 0 ? Math.min(limitBytes, totalmem()) : totalmem();

test("a limit that the kernel has rounded down to whole pages is not too small", () => {
  refuseSmallMachine(hasBytes);
  refuseSmallMachine(hasBytes + LARGEST_PAGE - 1);
  assert.throws(() => refuseSmallMachine(hasBytes + LARGEST_PAGE), {
    message: /^built for a bigger device/,
    exitCode: 78,
  });
});
