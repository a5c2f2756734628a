/** A headless Chromium, asked over its own protocol (Chrome DevTools, on two pipes): enough to open a file and look. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

const ANSWER_MS = 60_000;

export interface Look {
  readonly width: number;
  readonly height: number;
  readonly scheme: "light" | "dark";
  /** As if the page had none. */
  readonly withoutScripts?: boolean;
  readonly print?: boolean;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export class Browser {
  /** What the page complained of: exceptions, errors on the console, refused requests. */
  readonly complaints: string[] = [];
  /** Addresses it asked for. */
  readonly requests: string[] = [];
  readonly #profile = mkdtempSync(join(tmpdir(), "hardwire-chromium-"));
  readonly #child;
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #events = new Map<string, () => void>();
  #session: string | undefined;
  #last = 0;

  constructor() {
    const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"];
    this.#child = spawn("chromium", [...flags, `--user-data-dir=${this.#profile}`, "about:blank"], {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    });
    let rest = "";
    (this.#child.stdio[4] as Readable).setEncoding("utf8").on("data", (text: string) => {
      const messages = (rest + text).split("\0");
      rest = messages.pop()!;
      for (const message of messages) this.#receive(JSON.parse(message) as Message);
    });
  }

  async start(): Promise<this> {
    const { targetInfos } = await this.ask("Target.getTargets");
    const page = (targetInfos as { type: string; targetId: string }[]).find(({ type }) => type === "page")!;
    const { sessionId } = await this.ask("Target.attachToTarget", { targetId: page.targetId, flatten: true });
    this.#session = sessionId as string;
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await this.ask(`${domain}.enable`);
    return this;
  }

  async open(url: string, { width, height, scheme, withoutScripts = false, print = false }: Look): Promise<void> {
    await this.ask("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: width < 600,
    });
    await this.ask("Emulation.setEmulatedMedia", {
      media: print ? "print" : "",
      features: [{ name: "prefers-color-scheme", value: scheme }],
    });
    await this.ask("Emulation.setScriptExecutionDisabled", { value: withoutScripts });
    const loaded = new Promise<void>((resolve) => this.#events.set("Page.loadEventFired", resolve));
    await this.ask("Page.navigate", { url });
    await loaded;
  }

  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.ask("Runtime.evaluate", { expression, returnByValue: true });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value?: unknown }).value;
  }

  /** PNG of the whole page, or of so many pixels of its top. */
  async screenshot(heightMax = 16_000): Promise<Buffer> {
    const { cssContentSize } = await this.ask("Page.getLayoutMetrics");
    const { width, height } = cssContentSize as { width: number; height: number };
    const clip = { x: 0, y: 0, width, height: Math.min(height, heightMax), scale: 1 };
    const { data } = await this.ask("Page.captureScreenshot", { captureBeyondViewport: true, clip });
    return Buffer.from(data as string, "base64");
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGKILL");
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  ask(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#last;
    const message = { id, method, params, ...(this.#session !== undefined && { sessionId: this.#session }) };
    (this.#child.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`chromium does not answer ${method}`)), ANSWER_MS);
      this.#waiting.set(id, ({ result, error }) => {
        clearTimeout(late);
        if (error === undefined) resolve(result ?? {});
        else reject(new Error(`${method}: ${error.message}`));
      });
    });
  }

  #receive({ id, method, params, ...answer }: Message): void {
    if (id !== undefined) this.#waiting.get(id)?.(answer);
    if (method === undefined) return;
    this.#events.get(method)?.();
    const noted = params as { entry?: { level: string; text: string }; type?: string; request?: { url: string } };
    if (method === "Runtime.exceptionThrown") this.complaints.push(JSON.stringify(params));
    if (method === "Runtime.consoleAPICalled" && noted.type === "error") this.complaints.push(JSON.stringify(params));
    if (method === "Log.entryAdded" && noted.entry!.level === "error") this.complaints.push(noted.entry!.text);
    if (method === "Network.requestWillBeSent") this.requests.push(noted.request!.url);
  }
}
