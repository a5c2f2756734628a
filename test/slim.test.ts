/**
 * What is packed is not the published runtime: its languages are cut out (build/icu.ts, build/elf/cut.ts), and a payload
 * is attached where they were (build/elf/attach.ts). Here on both architectures; binutils are an independent judge of
 * the files where they are there. That it serves is what all end-to-end tests show.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { attachNote } from "../build/elf/attach.ts";
import { cutElf } from "../build/elf/cut.ts";
import { ElfError } from "../build/elf/error.ts";
import { findNote } from "../build/elf/note.ts";
import { type Elf, offsetOf, PT_LOAD, readElf } from "../build/elf/read.ts";
import { findExport } from "../build/elf/symbols.ts";
import { verifyPacked } from "../build/elf/verify.ts";
import { neutralise } from "../build/icu.ts";
import type { Target } from "../build/pins.ts";
import { prepareRuntime } from "../build/runtime.ts";

const folder = mkdtempSync(join(tmpdir(), "hardwire-test-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const CONTENT = Buffer.from("what is attached");

/** The whole file, as inject.ts writes it but for the fuse. */
function attach(runtime: Elf, content: Buffer): Buffer {
  const { header, at, payload } = attachNote(runtime, "NODE_SEA_BLOB", content);
  const file = Buffer.alloc(at + payload.length);
  runtime.bytes.data.copy(file);
  header.copy(file);
  payload.copy(file, at);
  return file;
}

/** What readelf or objdump says, which must not be a warning; undefined where it is not there. */
function ask(tool: "readelf" | "objdump", args: string[], data: Buffer): string | undefined {
  const path = join(folder, "asked");
  writeFileSync(path, data);
  const { stdout, stderr, error } = spawnSync(tool, [...args, path], { encoding: "utf8", maxBuffer: 1e8 });
  assert.equal(stderr ?? "", "");
  return error === undefined ? stdout : undefined;
}

for (const target of ["linux-x64", "linux-arm64"] satisfies Target[]) {
  describe(`the runtime for ${target}`, () => {
    let path: string;
    let runtime: Elf;
    before(async () => {
      const prepared = await prepareRuntime(target, () => {});
      path = prepared.path;
      runtime = readElf("runtime", prepared.read());
    });

    test("has nothing of the languages, in the file or in memory", () => {
      const { address, size } = findExport(runtime, /^icudt\d+_dat$/);
      // Megabytes of which nothing is left but the kept items and what shares their last page.
      const mapped = runtime.segments
        .filter(({ type }) => type === PT_LOAD)
        .map((s) => Math.min(s.address + s.memoryBytes, address + size) - Math.max(s.address, address))
        .reduce((sum, bytes) => sum + Math.max(0, bytes), 0);
      assert.ok(size > 30e6 && mapped < 700e3, `${mapped} of ${size} bytes are still mapped`);
      const archive = runtime.bytes.data.subarray(offsetOf(runtime, address));
      assert.equal(archive.readUInt32LE(archive.readUInt16LE(0)), 10);
      const fewer = Buffer.from(archive.subarray(0, size - 30_000_000));
      fewer.writeUInt32LE(9, fewer.readUInt16LE(0));
      assert.throws(() => neutralise(fewer), /has not all that must stay/);
      assert.throws(() => neutralise(archive.subarray(16)), /is not the archive it was/);
    });

    test("takes a payload by changing where its header finds two tables, whatever the payload", () => {
      const [small, large] = [attach(runtime, CONTENT), attach(runtime, Buffer.alloc(12_345_678, "x"))];
      const { at } = attachNote(runtime, "NODE_SEA_BLOB", CONTENT);
      assert.equal(at % 4096, 0);
      assert.equal(Buffer.compare(small.subarray(0, at), large.subarray(0, at)), 0);
      const before = runtime.bytes.data;
      for (let byte = 0; byte < before.length; byte++) {
        // e_phoff, e_shoff; e_phnum; e_shnum, e_shstrndx.
        const mayDiffer = (byte >= 32 && byte < 48) || (byte >= 56 && byte < 58) || (byte >= 60 && byte < 64);
        if (before[byte] !== small[byte]) assert.ok(mayDiffer, `${byte}`);
      }
      assert.deepEqual(findNote(readElf("packed", small), "NODE_SEA_BLOB"), CONTENT);
    });

    test("has its program headers as far from its start in memory as in the file", () => {
      for (const elf of [runtime, readElf("packed", attach(runtime, CONTENT))]) {
        const at = elf.bytes.u64(32);
        assert.equal(offsetOf(elf, elf.segments[0]!.address), at);
        const loaded = elf.segments.filter(({ type }) => type === PT_LOAD);
        assert.equal(elf.segments[0]!.address - loaded[0]!.address, at);
        for (const { offset, address, align } of loaded) assert.equal((address - offset) % align, 0);
        assert.deepEqual(
          loaded,
          loaded.toSorted((a, b) => a.address - b.address),
        );
      }
    });

    test("refuses a payload that does not fit into the hole, and a file without one", () => {
      assert.throws(() => attachNote(runtime, "N", Buffer.alloc(40e6)), /no room to attach 40\d+ bytes: 2\d+ are free/);
      const full = readElf("full", attach(runtime, Buffer.alloc(20e6)));
      assert.throws(() => attachNote(full, "N", Buffer.alloc(8e6)), /no room to attach/);
      assert.throws(() => cutElf("r", runtime.bytes.data, 0x400000, 0x401000), ElfError);
    });

    test("is a whole file to readelf and objdump, with and without a payload", (t) => {
      for (const [data, notes] of [
        [runtime.bytes.data, 1],
        [attach(runtime, CONTENT), 2],
      ] as const) {
        const segments = ask("readelf", ["--wide", "--segments", "--sections"], data);
        if (segments === undefined) return t.skip("no binutils here");
        assert.equal(segments.match(/^ {2}NOTE /gm)?.length, notes);
        assert.equal(segments.includes(" NODE_SEA_BLOB "), notes === 2);
        assert.ok(ask("readelf", ["--wide", "--dyn-syms", "--dynamic"], data)!.includes(" _ZN4node5StartEiPPc"));
        // objdump knows one architecture, but reads the headers of all.
        assert.match(ask("objdump", ["--private-headers", "--section-headers"], data) ?? "LOAD off", /LOAD off/);
      }
    });

    test("is verified byte for byte", () => {
      const fuse = `${"NODE_SEA_FUSE"}_fce680ab2cc467b6e072b8b5df1996b2:`;
      const packed = attach(runtime, CONTENT);
      const wanted = { note: "NODE_SEA_BLOB", fuse: `${fuse}1`, parts: { part: CONTENT }, floor: "2.36" };
      const verify = (data: Buffer, changed: object = {}) =>
        verifyPacked(runtime, readElf("packed", data), { ...wanted, ...changed });
      assert.throws(() => verify(packed), /packed: the runtime's fuse is not set/);
      packed.write("1", packed.indexOf(fuse) + fuse.length);
      assert.ok(verify(packed).symbols > 30_000);
      assert.throws(() => verify(runtime.bytes.data), /has no note NODE_SEA_BLOB/);
      assert.throws(() => verify(packed, { parts: { part: Buffer.from("absent") } }), /does not hold part/);
      assert.throws(() => verify(packed, { floor: "2.27" }), /needs glibc 2\.28/);
      const damaged = Buffer.from(packed);
      damaged.writeUInt8(damaged.readUInt8(50_000_000) ^ 1, 50_000_000);
      assert.throws(() => verify(damaged), /packed: is not the runtime it was made from/);
    });

    test("does what concerns no language as any Node does, and the rest not at all", (t) => {
      if (target !== `linux-${process.arch}`) return t.skip("runs on the other architecture");
      const run = (node: string, script: string) =>
        spawnSync(node, ["-p", script], { encoding: "utf8", env: { TZ: "Europe/Berlin" } });
      for (const script of [
        "new Date(2026, 6, 1).getTimezoneOffset()",
        "'ﬁé'.normalize('NFKC') + 'e\\u0301'.normalize()",
        "'äé漢'.match(/\\p{L}+/u)[0] + /^\\p{RGI_Emoji}$/v.test('👨‍👩‍👧') + /ſ/iu.test('S')",
        "'straße'.toUpperCase() + 'i'.toLocaleUpperCase('tr')",
        "new URL('http://bücher.de/').href",
        "new TextDecoder('latin1').decode(Buffer.from([228])) + new TextDecoder('utf-16le').decode(Buffer.from([228, 0]))",
        "new Date(0).toISOString() + new Date(0).toUTCString() + util.inspect(new Map([['漢', 1]]))",
      ]) {
        const expected = run(process.execPath, script);
        assert.equal(expected.status, 0, expected.stderr);
        assert.deepEqual(run(path, script).stdout, expected.stdout);
      }
      for (const script of [
        "new Date(0).toLocaleString()",
        "(1.5).toLocaleString()",
        "'a'.localeCompare('b')",
        "new Intl.Segmenter().segment('a b')[Symbol.iterator]().next()",
        "new TextDecoder('shift_jis')",
      ]) {
        assert.equal(run(process.execPath, script).status, 0);
        const { status, signal } = run(path, script);
        assert.ok(status !== 0 || signal !== null, `${script} did not fail`);
      }
    });
  });
}
