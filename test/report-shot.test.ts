/**
 * The report in a headless Chromium: nothing is wider than the screen, of a phone too, nothing complains, nothing is
 * fetched, and ten thousand routes do not freeze it. Pictures to look at stay in out/report-shots. Slow: `make
 * report-shot`, which needs Debian's chromium.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Browser, type Look } from "./harness/browser.ts";
import { REPORTED, REPORTED_TARGET } from "./harness/reported.ts";

const HARDWIRE = resolve(import.meta.dirname, "../build/launch.mjs");
const SHOTS = resolve(import.meta.dirname, "../out/report-shots");
const folder = mkdtempSync(join(tmpdir(), "hardwire-report-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const skip = process.env.REPORT_SHOT === undefined ? "slow, and needs chromium: make report-shot" : false;
const OPEN_MS_MAX = 15_000;

const desktop = { width: 1280, height: 900 };
const phone = { width: 375, height: 800 };
const LOOKS: Readonly<Record<string, Look>> = {
  desktop: { ...desktop, scheme: "light" },
  "desktop-dark": { ...desktop, scheme: "dark" },
  phone: { ...phone, scheme: "light" },
  "phone-dark": { ...phone, scheme: "dark" },
  "without-scripts": { ...phone, scheme: "light", withoutScripts: true },
  print: { width: 800, height: 1100, scheme: "light", print: true },
};

/** Texts and bars that reach out of the page's margin to the right. */
const WIDE = `(() => {
  const end = document.querySelector("main").getBoundingClientRect().right + 1;
  const walker = document.createTreeWalker(document.body);
  const wide = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const element = node.parentElement;
    if (!element.checkVisibility() || element.closest("thead, script")) continue;
    const range = document.createRange();
    range.selectNode(node);
    if (range.getBoundingClientRect().right > end) wide.push(node.textContent.slice(0, 80));
  }
  return wide;
})()`;
/** Of each text against what is behind it, the smallest (WCAG 2.2, 1.4.3). */
const CONTRAST = `(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = channels(color).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (channels(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let least = 21;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() === "" || !element.checkVisibility()) continue;
    const [a, b] = [getComputedStyle(element).color, behind(element)].map(luminance).sort((x, y) => y - x);
    least = Math.min(least, (a + 0.05) / (b + 0.05));
  }
  return least;
})()`;

function build(name: string, routes: object, target: object): string {
  const cwd = join(folder, name);
  mkdirSync(cwd);
  writeFileSync(join(cwd, "routes.json"), JSON.stringify(routes, null, 1));
  writeFileSync(join(cwd, "target.json"), JSON.stringify(target));
  const args = ["build", "routes.json", "--target", "target.json", "--out", "gateway", "--report", "."];
  const { status, stderr } = spawnSync(process.execPath, [HARDWIRE, ...args], { cwd, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return pathToFileURL(join(cwd, "index.html")).href;
}

describe("the report in a browser", { skip }, () => {
  let browser: Browser;
  before(async () => {
    mkdirSync(SHOTS, { recursive: true });
    browser = await new Browser().start();
  });
  after(() => browser.close());

  test("fits every screen, in both colours, on paper, without scripts; every text can be read; nothing complains", async () => {
    const url = build("reported", REPORTED, REPORTED_TARGET);
    for (const [name, look] of Object.entries(LOOKS)) {
      await browser.open(url, look);
      writeFileSync(join(SHOTS, `${name}.png`), await browser.screenshot());
      if (look.withoutScripts) continue;
      assert.deepEqual(await browser.evaluate(WIDE), [], name);
      assert.equal(await browser.evaluate("document.documentElement.scrollWidth"), look.width, name);
      const contrast = (await browser.evaluate(CONTRAST)) as number;
      assert.ok(contrast >= 4.5, `${name}: a contrast of ${contrast}`);
    }
    assert.deepEqual(browser.complaints, []);
    assert.deepEqual([...new Set(browser.requests)], [url]);
  });

  test("opens with ten thousand routes, unfolds what a link leads to, and finds a route", async () => {
    const url = build("many", manyRoutes(), { ...REPORTED_TARGET, memory: {}, limits: {}, size: { payload: "8MiB" } });
    const start = performance.now();
    await browser.open(url, { ...phone, scheme: "light" });
    const ms = performance.now() - start;
    assert.ok(ms < OPEN_MS_MAX, `${ms} ms`);
    assert.equal(await browser.evaluate("document.documentElement.scrollWidth"), phone.width);
    await browser.evaluate(`location.hash = document.querySelector("#map tbody a").hash`);
    assert.equal(await browser.evaluate("document.querySelector(location.hash).checkVisibility()"), true);
    await browser.evaluate(`(() => {
      const field = document.querySelector("input");
      field.value = "EXACT/4242";
      field.dispatchEvent(new Event("input"));
    })()`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const found = `[...document.querySelectorAll("#map tbody tr")].filter((row) => row.checkVisibility()).map((row) => row.textContent.replace(/\\s+/g, " "))`;
    assert.deepEqual(await browser.evaluate(found), ["/exact/4242GET, HEADr4242 → api2"]);
    assert.deepEqual(browser.complaints, []);
  });
});

function manyRoutes(): object {
  const upstreams = Array.from({ length: 40 }, (_, i) => [
    `api${i}`,
    { endpoints: [{ url: `http://10.0.0.${i + 1}:80` }], connections: { max: 4 } },
  ]);
  const routes = Array.from({ length: 10_000 }, (_, i) => ({
    name: `r${i}`,
    match: { path: [`/exact/${i}`, `/t${i}/{id}`, `/p${i}/*`][i % 3], ...(i % 2 === 0 && { methods: ["GET"] }) },
    upstream: `api${i % 40}`,
    ...(i % 5 === 0 && { request_headers: { set: { "X-Route": `r${i}` } } }),
    timeouts: { request: `${10 + (i % 7)}s` },
  }));
  return {
    version: 1,
    name: "many",
    defaults: { hosts: ["gw.local"] },
    upstreams: Object.fromEntries(upstreams),
    routes,
  };
}
