/** build/elf on the real runtime and addons: what it changes, what it must not, and what it says of damaged files. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import { attachNote } from "../build/elf/attach.ts";
import { cutElf } from "../build/elf/cut.ts";
import { ElfError } from "../build/elf/error.ts";
import { lowerGlibc } from "../build/elf/lower.ts";
import { findNote } from "../build/elf/note.ts";
import { offsetOf, PT_DYNAMIC, readElf } from "../build/elf/read.ts";
import { stripElf } from "../build/elf/strip.ts";
import { checkSymbolLookup, findSymbols } from "../build/elf/symbols.ts";
import { checkGlibcFloor, compareVersions, readVersionNeeds } from "../build/elf/versions.ts";
import { addonPins } from "../build/pins.ts";

const packageFolder = dirname(createRequire(import.meta.url).resolve("uWebSockets.js/package.json"));
const addons = Object.values(addonPins).map(({ file }) => ({ file, data: readFileSync(join(packageFolder, file)) }));
const folder = mkdtempSync(join(tmpdir(), "hardwire-test-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** The offsets at which two buffers of one length differ. */
function findChanges(a: Buffer, b: Buffer): number[] {
  assert.equal(a.length, b.length);
  const changes: number[] = [];
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) changes.push(at);
  return changes;
}

for (const { file, data } of addons) {
  describe(file, () => {
    test("needs glibc 2.38, and the error names the symbols", () => {
      assert.throws(() => checkGlibcFloor(readElf(file, data), "2.36"), {
        name: "ElfError",
        message: /^uws_linux_\w+\.node: needs glibc 2\.38 \(for __isoc23_strto.*\), but the target has 2\.36$/,
      });
    });

    test("lowered needs 2.36, by a few bytes of .dynsym and .gnu.version_r alone", () => {
      const lowered = lowerGlibc(file, data);
      const elf = readElf(file, lowered);
      assert.equal(checkGlibcFloor(elf, "2.36").version, "2.36");
      const names = readVersionNeeds(elf).flatMap(({ symbols }) => symbols);
      assert.ok(names.includes("strtoul") && !names.some((name) => name.startsWith("__isoc23")));
      const parts = [".dynsym", ".gnu.version_r"].map((name) => elf.sections.find((section) => section.name === name)!);
      const changes = findChanges(data, lowered);
      assert.ok(changes.length > 0 && changes.length <= 3 * 4 + 8, `${changes.length} bytes changed`);
      for (const at of changes) {
        assert.ok(
          parts.some(({ offset, size }) => at >= offset && at < offset + size),
          `byte ${at} changed`,
        );
      }
      assert.ok(checkSymbolLookup(elf, findSymbols(elf)) > 5000);
      assert.throws(() => lowerGlibc(file, lowered), /nothing to lower/);
    });
  });
}

test("an addon that needs 2.38 for anything else is refused", () => {
  const { file, data } = addons[0]!;
  const changed = Buffer.from(data);
  changed.write("__isoc23_strtoXX", changed.indexOf("__isoc23_strtoul\0"));
  assert.throws(() => lowerGlibc(file, changed), /__isoc23_strtoXX needs GLIBC_2\.38 and has no older twin/);
});

describe("the stripped runtime", () => {
  const data = readFileSync(process.execPath);
  const stripped = stripElf("node", data);

  test("runs, and is as small as strip makes it", (t) => {
    const ours = join(folder, "ours");
    const theirs = join(folder, "theirs");
    writeFileSync(ours, stripped, { mode: 0o755 });
    assert.equal(spawnSync(ours, ["-p", "6 * 7"], { encoding: "utf8" }).stdout, "42\n");
    copyFileSync(process.execPath, theirs);
    if (spawnSync("strip", [theirs]).status !== 0) return t.skip("size not compared: no strip here");
    const ratio = stripped.length / statSync(theirs).size;
    assert.ok(Math.abs(ratio - 1) < 0.01, `${ratio} of strip's size`);
  });

  test("keeps every loaded byte but the header's three fields", () => {
    const before = readElf("node", data);
    const after = readElf("node", stripped);
    assert.deepEqual(after.segments, before.segments);
    const end = Math.max(...before.segments.map(({ offset, fileBytes }) => offset + fileBytes));
    const header = [40, 41, 42, 43, 44, 45, 46, 47, 60, 61, 62, 63];
    assert.ok(findChanges(data.subarray(0, 64), stripped.subarray(0, 64)).every((at) => header.includes(at)));
    assert.equal(Buffer.compare(data.subarray(64, end), stripped.subarray(64, end)), 0);
  });

  test("is not looked up in without its .gnu.hash", () => {
    const { offset, size } = readElf("node", stripped).sections.find(({ name }) => name === ".gnu.hash")!;
    const zeroed = readElf("packed", Buffer.from(stripped).fill(0, offset, offset + size));
    assert.throws(() => checkSymbolLookup(zeroed, findSymbols(zeroed)), /\.gnu\.hash is empty/);
    const filtered = readElf("packed", Buffer.from(stripped).fill(0, offset + 16, offset + 24));
    assert.throws(() => checkSymbolLookup(filtered, findSymbols(filtered)), /\.gnu\.hash does not find symbol/);
  });
});

test("versions are ordered by number", () => {
  assert.deepEqual(["2.36", "2.4", "2.2.5", "2.38"].sort(compareVersions), ["2.2.5", "2.4", "2.36", "2.38"]);
});

test("foreign files are named for what they are", () => {
  assert.throws(
    () => readElf("script", Buffer.from(`#!/bin/sh\n${" ".repeat(80)}`)),
    /^ElfError: script: not an ELF file$/,
  );
  assert.throws(() => readElf("empty", Buffer.alloc(0)), /empty: not an ELF file/);
  const riscv = Buffer.from(addons[0]!.data);
  riscv.writeUInt16LE(243, 18);
  assert.throws(() => readElf("riscv", riscv), /machine type 243; expected 62 \(x86-64\) or 183 \(AArch64\)/);
});

/** Everything this folder does with a file; whatever the file, it answers or throws an ElfError. */
function useAll(data: Buffer): void {
  const steps = [
    () => checkGlibcFloor(readElf("damaged", data), "2.36"),
    () => checkSymbolLookup(readElf("damaged", data), findSymbols(readElf("damaged", data))),
    () => findNote(readElf("damaged", data), "GNU"),
    () => lowerGlibc("damaged", data),
    () => stripElf("damaged", data),
    () => cutElf("damaged", stripElf("damaged", data), 0x200000, 0x280000),
    () => attachNote(readElf("damaged", data), "NOTE", Buffer.alloc(1000)),
  ];
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
    }
  }
}

test("truncated and damaged files never cause anything but an ElfError", () => {
  const { data } = addons[1]!;
  const elf = readElf("whole", data);
  const dynamic = elf.segments.find(({ type }) => type === PT_DYNAMIC)!;
  // Where a change is seen: the tables, not the code.
  const regions = [
    { offset: 0, size: 64 + elf.segments.length * 56 },
    { offset: dynamic.offset, size: dynamic.fileBytes },
    { offset: elf.sections[0]!.headerAt, size: elf.sections.length * 64 },
    { offset: offsetOf(elf, elf.dynamic.get(0x6ffffffe)!), size: 240 },
    ...elf.sections.filter(({ name }) => /^\.(dynsym|gnu\.hash|gnu\.version|note.*)$/.test(name)),
  ];
  const place = fc
    .constantFrom(...regions)
    .chain(({ offset, size }) => fc.integer({ min: offset, max: offset + size - 1 }));
  const value = fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.integer({ min: 0, max: 255 }));
  const changes = fc.array(fc.tuple(place, value), { minLength: 1, maxLength: 8 });
  const length = fc.oneof({ weight: 4, arbitrary: fc.constant(data.length) }, fc.integer({ min: 0, max: data.length }));
  fc.assert(
    fc.property(changes, length, (list, end) => {
      const damaged = Buffer.from(data.subarray(0, end));
      for (const [at, byte] of list) if (at < end) damaged[at] = byte;
      useAll(damaged);
    }),
    { numRuns: 150 },
  );
});
