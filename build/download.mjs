/**
 * Gets the Node.js runtime of a target by npm package name: downloaded once, checked against its pins, kept in the
 * cache. Plain JavaScript for the launcher's sake (see cache.mjs); types in download.d.mts.
 *
 * npm itself downloads, because only npm knows the user's registry, credentials, proxy and certificates, and because
 * what it has cached already is not downloaded again. It would refuse to install a foreign architecture, so it only
 * packs; pacote checks the pinned integrity and unpacks.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, createReadStream, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { findCacheFolder, keepInCache, SupplyError } from "./cache.mjs";

const here = dirname(fileURLToPath(import.meta.url));

export function readPins() {
  return JSON.parse(readFileSync(join(here, "pins.json"), "utf8"));
}

export async function fetchRuntime(pin, say) {
  const path = join(findCacheFolder(), "runtime", pin.sha256, "node");
  // Warm: the hash was checked when the file was moved here, so the size is enough, and costs one system call.
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.size === pin.bytes) return path;
  if (found !== undefined) rmSync(path);
  return keepInCache(path, async (file, scratch) => {
    say(`fetching ${pin.package} (${pin.downloadMegabytes} MB, once)`);
    await fetchPackage(pin, scratch);
    const node = join(scratch, "package", "bin", "node");
    await checkSha256(`bin/node of ${pin.package}`, node, pin.sha256);
    chmodSync(node, 0o755);
    renameSync(node, file);
  });
}

export function fetchLicences(pin) {
  const path = join(findCacheFolder(), "runtime", pin.sha256, "LICENSE");
  return keepInCache(path, async (file, scratch) => {
    // With the runtime it was downloaded, so npm has it in its own cache.
    await fetchPackage(pin, scratch);
    renameSync(join(scratch, "package", "LICENSE"), file);
  });
}

async function fetchPackage(pin, folder) {
  await packWithNpm(pin.package, folder);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  if (tarball === undefined) throw new SupplyError(`npm pack ${pin.package} left no package behind`, 69);
  await unpack(pin, join(folder, tarball), join(folder, "package"));
}

export async function checkSha256(what, path, expected) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  const actual = hash.digest("hex");
  if (actual !== expected) throw mismatch(what, `SHA-256 ${expected}`, `SHA-256 ${actual}`);
}

function mismatch(what, expected, actual) {
  return new SupplyError(`refused ${what}: expected ${expected}, found ${actual}; nothing was kept`, 65);
}

async function unpack(pin, tarball, folder) {
  const { default: pacote } = await import("pacote");
  try {
    await pacote.extract(`file:${tarball}`, folder, { integrity: pin.integrity, cache: join(folder, "..", "pacote") });
  } catch (error) {
    if (error.code !== "EINTEGRITY") throw new SupplyError(`cannot unpack ${pin.package}: ${error.message}`, 65);
    throw mismatch(pin.package, pin.integrity, `${error.found?.sha512?.[0] ?? "another integrity"}`);
  }
}

/** @throws SupplyError 69 with npm's own words if the package cannot be had */
function packWithNpm(name, folder) {
  // npx and npm run say which npm runs; elsewhere it is the one in PATH.
  const cli = process.env.npm_execpath;
  const [command, first] = cli?.endsWith("npm-cli.js") ? [process.execPath, [cli]] : ["npm", []];
  const options = ["--pack-destination", folder, "--prefer-offline", "--ignore-scripts", "--loglevel=error"];
  // npm's own waits between tries, 10 s and 60 s, are long for a line that says there is no network.
  options.push("--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-factor=2");
  return new Promise((resolve, reject) => {
    // In the repository, so that its .npmrc counts.
    const npm = spawn(command, [...first, "pack", name, ...options], {
      cwd: join(here, ".."),
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    npm.stderr.on("data", (chunk) => {
      said += chunk;
    });
    npm.on("error", (error) => reject(new SupplyError(`cannot run npm to fetch ${name}: ${error.message}`, 69)));
    npm.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new SupplyError(`cannot fetch ${name}: ${summarise(said) || `npm exited with ${code}`}`, 69));
    });
  });
}

/** npm's many lines as one, without its marks and the paragraph on where its log is. */
function summarise(said) {
  const lines = said.split("\n").map((line) => line.replace(/^npm (error|ERR!) ?/, "").trim());
  return lines
    .filter((line) => line !== "" && !/^(code|syscall|errno) |complete log of this run/.test(line))
    .join("; ");
}
