/**
 * The language server behind VS Code's YAML extension, run headless on files whose first line names our schema: it
 * completes keys, shows what they are for, and underlines typos.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

const ROOT = join(import.meta.dirname, "..");
const SERVER = createRequire(import.meta.url).resolve("yaml-language-server/bin/yaml-language-server");

interface Message {
  readonly id?: number;
  readonly method?: string;
  // biome-ignore lint/suspicious/noExplicitAny: what the server sends is only looked at
  readonly params?: any;
  // biome-ignore lint/suspicious/noExplicitAny: likewise
  readonly result?: any;
}

/** As much of the Language Server Protocol as an editor needs to open files and ask about places in them. */
class Editor {
  readonly #server: ChildProcess;
  readonly #waiting = new Map<string, (value: unknown) => void>();
  #read = Buffer.alloc(0);
  #id = 0;

  constructor() {
    this.#server = spawn(process.execPath, [SERVER, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
    this.#server.stdout!.on("data", (bytes: Buffer) => {
      this.#read = Buffer.concat([this.#read, bytes]);
      for (let message = this.#take(); message !== undefined; message = this.#take()) this.#receive(message);
    });
  }

  stop(): void {
    this.#server.kill();
  }

  ask(method: string, params: object): Promise<Message["result"]> {
    const id = ++this.#id;
    this.send({ id, method, params });
    return this.#waitFor(`answer ${id}`);
  }

  send(message: object): void {
    const text = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.#server.stdin!.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  }

  /** Opens a file that is not on disk; what is wrong with it, as "line:column message", both from 1. */
  async open(uri: string, text: string): Promise<string[]> {
    const found = this.#waitFor(`diagnostics of ${uri}`);
    const textDocument = { uri, languageId: "yaml", version: 1, text };
    this.send({ method: "textDocument/didOpen", params: { textDocument } });
    const { diagnostics } = (await found) as Message["params"];
    // biome-ignore lint/suspicious/noExplicitAny: as above
    return diagnostics.map(({ range, message }: any) => {
      return `${range.start.line + 1}:${range.start.character + 1} ${message}`;
    });
  }

  #waitFor(what: string): Promise<unknown> {
    return new Promise((resolve) => this.#waiting.set(what, resolve));
  }

  #take(): Message | undefined {
    const head = /^Content-Length: (\d+)\r\n\r\n/.exec(this.#read.toString("latin1", 0, 64));
    if (head === null) return undefined;
    const end = head[0].length + Number(head[1]);
    if (this.#read.length < end) return undefined;
    const message = JSON.parse(this.#read.toString("utf8", head[0].length, end));
    this.#read = this.#read.subarray(end);
    return message;
  }

  #receive({ id, method, params, result }: Message): void {
    if (method === undefined) this.#waiting.get(`answer ${id}`)?.(result);
    else if (method === "textDocument/publishDiagnostics") this.#waiting.get(`diagnostics of ${params.uri}`)?.(params);
    else if (method === "workspace/configuration") {
      // No catalogue of schemas from the network: the file's first line says which one it is.
      const settings = { schemaStore: { enable: false }, completion: true, validate: true, hover: true };
      const answer = params.items.map(({ section }: { section: string }) => (section === "yaml" ? settings : {}));
      this.send({ id, result: answer });
    } else if (id !== undefined) this.send({ id, result: null });
  }
}

const folder = mkdtempSync(join(tmpdir(), "hardwire-editor-"));
const editor = new Editor();
const uriOf = (name: string) => pathToFileURL(join(folder, name)).href;

before(async () => {
  mkdirSync(join(folder, "schema"));
  for (const copy of ["routes/schema/routes.v1.json", "targets/schema/target.v1.json"])
    symlinkSync(join(ROOT, copy), join(folder, "schema", basename(copy)));
  const capabilities = { workspace: { configuration: true }, textDocument: { publishDiagnostics: {} } };
  await editor.ask("initialize", { processId: process.pid, rootUri: pathToFileURL(folder).href, capabilities });
  editor.send({ method: "initialized", params: {} });
});
after(() => {
  editor.stop();
  rmSync(folder, { recursive: true });
});

const quickstart = readFileSync(join(ROOT, "routes/quickstart.yaml"), "utf8");

/** Labels that are offered behind `text`. */
async function offered(name: string, text: string): Promise<string[]> {
  await editor.open(uriOf(name), text);
  const lines = text.split("\n");
  const position = { line: lines.length - 1, character: lines.at(-1)!.length };
  const { items } = await editor.ask("textDocument/completion", { textDocument: { uri: uriOf(name) }, position });
  return items.map(({ label }: { label: string }) => label);
}

test("a correct file is left alone", async () => {
  assert.deepEqual(await editor.open(uriOf("quickstart.yaml"), quickstart), []);
});

test("a typo in a key is underlined at its place", async () => {
  const text = quickstart.replace("    upstream: demo", "    upstraem: demo");
  const line = text.split("\n").findIndex((one) => one.includes("upstraem")) + 1;
  assert.deepEqual(await editor.open(uriOf("typo.yaml"), text), [`${line}:5 Property upstraem is not allowed.`]);
});

test("a number without its unit is underlined", async () => {
  const text = `${quickstart}    timeouts: { request: 5 }\n`;
  const [found, ...more] = await editor.open(uriOf("unit.yaml"), text);
  assert.match(found!, /^\d+:26 Incorrect type. Expected "string"/);
  assert.deepEqual(more, []);
});

test("keys of a route are completed, the features' among them", async () => {
  const labels = await offered("complete.yaml", `${quickstart}    `);
  for (const key of ["timeouts", "limits", "rewrite", "respond", "request_headers"])
    assert.ok(labels.includes(key), key);
  assert.ok(!labels.includes("hosts"), "what is there already");
});

test("values are completed", async () => {
  const labels = await offered("value.yaml", quickstart.replace(/routes:[\s\S]*/, "  other:\n    lb_policy: "));
  assert.deepEqual(labels.sort(), ["least_request", "round_robin"]);
});

test("the keys of a target file are completed", async () => {
  const target = readFileSync(join(ROOT, "targets/linux-x64.yaml"), "utf8");
  const labels = await offered("target.yaml", target);
  for (const key of ["extends", "overrides", "limits", "timing"]) assert.ok(labels.includes(key), key);
});

test("what a key is for is shown", async () => {
  const uri = uriOf("hover.yaml");
  await editor.open(uri, quickstart);
  const line = quickstart.split("\n").findIndex((one) => one.startsWith("upstreams"));
  const { contents } = await editor.ask("textDocument/hover", {
    textDocument: { uri },
    position: { line, character: 3 },
  });
  assert.match(contents.value, /The upstreams by name/);
});
