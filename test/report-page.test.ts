/**
 * `hardwire build --report`: the page says all there is to say, asks for nothing but itself, is the same for the same
 * build, and whatever stands in a file stays text. test/report-shot.test.ts looks at it with a browser.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { before, describe, test } from "node:test";
import { memoryBudget } from "../build/budget/memory.ts";
import { check } from "../build/compile.ts";
import { elementsOf, type HtmlElement, textOf } from "./harness/html.ts";
import { REPORTED, REPORTED_TARGET } from "./harness/reported.ts";
import { HOST_TARGET, runFolder } from "./harness.ts";
import { firstListed } from "./listed.ts";
import { planOf } from "./plans.ts";

const HARDWIRE = resolve(import.meta.dirname, "../build/launch.mjs");
const folder = join(runFolder(), "report");

/** In a folder of its own, whose name must not be in the page. */
function build(place: string): string {
  const cwd = join(folder, place);
  mkdirSync(cwd, { recursive: true });
  writeFileSync(join(cwd, "routes<b>.json"), JSON.stringify(REPORTED, null, 1));
  writeFileSync(join(cwd, "target.json"), JSON.stringify(REPORTED_TARGET, null, 1));
  const args = ["build", "routes<b>.json", "--target", "target.json", "--out", "gateway", "--report", "page"];
  const { status, stderr, stdout } = spawnSync(process.execPath, [HARDWIRE, ...args], { cwd, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /\n {2}report +page\/index\.html\n/);
  return readFileSync(join(cwd, "page", "index.html"), "utf8");
}

let page: string;
let elements: HtmlElement[];
before(() => {
  page = build("here");
  elements = elementsOf(page);
});

function section(id: string): string {
  const [, content] = new RegExp(`<section id="${id}"[^>]*>([\\s\\S]*?)</section>`).exec(page)!;
  return content!;
}

describe("the page", () => {
  test("asks for nothing but itself", () => {
    for (const { name, attributes } of elements) {
      for (const [key, value] of attributes) {
        if (["src", "href", "srcset", "action", "data", "poster"].includes(key)) {
          assert.match(value, /^(#[\w-]+|data:,)$/, `<${name} ${key}>`);
        }
        assert.ok(!key.startsWith("on"), `<${name} ${key}>`);
      }
    }
    const style = /<style>([\s\S]*?)<\/style>/.exec(page)![1]!;
    assert.doesNotMatch(style, /@import|url\(|@font-face/);
    const names = new Set(elements.map(({ name }) => name));
    for (const name of ["iframe", "img", "object", "embed", "base", "form"]) assert.ok(!names.has(name), name);
  });

  test("allows the browser nothing else", () => {
    const policy = elements.find(({ attributes }) => attributes.get("http-equiv") === "Content-Security-Policy")!;
    assert.match(
      policy.attributes.get("content")!,
      /^default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-[\w+/]{43}='; img-src data:$/,
    );
    assert.equal(elements.filter(({ name }) => name === "script").length, 1);
  });

  test("has every anchor it links to, and each once", () => {
    const ids = elements.flatMap(({ attributes }) => attributes.get("id") ?? []);
    assert.equal(new Set(ids).size, ids.length, "an id twice");
    for (const { attributes } of elements) {
      const href = attributes.get("href");
      if (href?.startsWith("#")) assert.ok(ids.includes(href.slice(1)), href);
    }
  });

  test("can be read by a screen reader: one h1, a title for each section, a caption and named columns for each table", () => {
    const count = (wanted: string) => elements.filter(({ name }) => name === wanted).length;
    assert.equal(count("h1"), 1);
    assert.equal(count("h2"), count("section"));
    assert.equal(count("caption"), count("table"));
    assert.equal(count("thead"), count("table"));
    assert.match(page, /^<!doctype html>\n<html lang="en">/);
  });

  test("is the same for the same build, wherever it is made, and names no folder", () => {
    assert.equal(build("there"), page);
    assert.ok(!page.includes(folder));
  });

  test("is small", () => {
    assert.ok(page.length < 100_000, String(page.length));
  });
});

describe("what stands in a file stays text", () => {
  test("in answers, fields, conditions, file names", () => {
    const text = textOf(page);
    for (const hostile of ["<script>alert(1)</script>", "<img src=x onerror=alert(2)>", '"><svg/onload=alert(3)>']) {
      assert.ok(text.includes(hostile), hostile);
      assert.ok(!page.includes(hostile), hostile);
    }
    assert.ok(text.includes("routes<b>.json:"), "the file's name");
  });

  test("and nobody can hide it or turn it around", () => {
    assert.ok(textOf(page).includes("right\\u{202e}to left"));
    assert.doesNotMatch(page, /[\u202a-\u202e\u2066-\u2069\u200b]/);
  });
});

describe("its sections", () => {
  test("have every route twice: where it is tried and what it does", () => {
    for (const { name } of REPORTED.routes) {
      assert.match(section("map"), new RegExp(`<a href="#b\\d+">${name}</a>`));
      assert.match(section("routes"), new RegExp(`<b>${name}</b>`));
    }
  });

  test("show routes in the order in which they are tried", () => {
    const names = [...section("map").matchAll(/<a href="#b\d+">([\w-]+)<\/a>/g)].map(([, name]) => name);
    assert.deepEqual(names, [
      ...["ping", "hostile", "ingest"],
      ...["device-json", "device", "device-by-version"],
      ...["deep-files", "files", "rest"],
      "pattern",
    ]);
  });

  test("show a route once for each of its hosts where the host decides", () => {
    const twoHosts = planOf([
      { path: "/a", hosts: ["a.test", "*.test"] },
      { path: "/a", hosts: ["*.a.test"] },
    ]);
    const get = { listener: 0, method: 1, path: "/a", query: "", fields: {} };
    const hosts = ["a.test", "x.a.test", "b.test"];
    assert.deepEqual(
      hosts.map((host) => firstListed(twoHosts, { ...get, host })),
      [0, 1, 0],
    );
  });

  test("tell phase by phase what a route does, routes that do the same together", () => {
    const text = textOf(section("routes"));
    assert.match(text, /json:\d+, \d+, \d+, \d+ ?device, device-json, deep-files, pattern → api headers/);
    assert.match(
      text,
      /files → api headers, rewrite\s+Request\s+body ≤ 256 KiB else 413\s+rewrite strip_prefix: \/files/,
    );
    assert.match(text, /set Cache-Control: no-store/);
    assert.match(text, /remove server/);
    assert.match(text, /ping answers itself respond\s+Request/);
  });

  test("tell what observes, where its pages are, and who reaches them", () => {
    const text = textOf(section("observed"));
    assert.match(text, /health\s+pages that say .*\s+admin \/livez\s*admin \/readyz\s*admin \/healthz/);
    assert.match(text, /trace\s+trace ids .*\s+propagate: w3c trust: \["public"\]/);
    assert.match(text, /admin at http:\/\/\[::1\]:9464 is reached from this machine alone\./);
    assert.match(textOf(section("routes")), /trace propagate: w3c trust: \["public"\]/);
    assert.match(textOf(section("limits")), /listeners\.admin 8 /);
  });

  test("have the memory budget, all its terms, largest first", async () => {
    const cwd = join(folder, "here");
    const { design } = await check(join(cwd, "routes<b>.json"), join(cwd, "target.json"));
    const { terms } = memoryBudget(design!.plan);
    const rows = [...section("memory").matchAll(/<tr role="row"><th role="rowheader" scope="row">([^<]+)</g)].map(
      ([, name]) => textOf(name!),
    );
    assert.deepEqual(
      rows,
      terms.map(({ name }) => name),
    );
    assert.match(textOf(section("memory")), /MiB of 128 MiB, [\d.]+ MiB to spare/);
  });

  test("have warnings, opt-outs, tests and hashes", () => {
    assert.match(textOf(section("warnings")), /HW1903 upstreams\.public\.endpoints\[0\]\.url/);
    assert.match(textOf(section("opt-outs")), /upstreams\.spare is kept, though nothing uses it \(allow_unused\)/);
    assert.match(textOf(section("tests")), /GET gw\.local\/v1\/devices\/7.*route device.*passes/s);
    const sums = spawnSync("sha256sum", ["gateway", "routes<b>.json", "target.json"], {
      cwd: join(folder, "here"),
      encoding: "utf8",
    });
    for (const [hash] of sums.stdout.matchAll(/[0-9a-f]{64}/g)) assert.ok(section("origin").includes(hash), hash);
    assert.ok(page.includes(HOST_TARGET));
  });
});
