/** The hosts of the matcher: which patterns a request's host fits, and whether any route of its listener has it. */
import { isWildcard, suffixOf } from "../match/hosts.ts";
import type { Plan } from "../plan.ts";
import { literal, type Text } from "./text.ts";

/** Up to this many patterns are compared one by one. */
const CODE_MAX = 8;

export class Hosts {
  /** Every pattern that a route names, once. */
  readonly patterns: readonly string[];
  /** By listener; one entry for all if listeners make no difference. Undefined where any host has a route. */
  readonly byListener: readonly (ReadonlySet<string> | undefined)[];
  /** The patterns have numbers, and `readHost` finds those that a request's host fits. */
  readonly isTable: boolean;
  #numbers: ReadonlyMap<string, number>;

  /** @param hasLeaves some routes are in tables, which go by these numbers */
  constructor({ routes, listeners }: Plan, hasLeaves: boolean) {
    this.patterns = [...new Set(routes.flatMap(({ hosts }) => hosts ?? []))];
    const sets = listeners.map((_, listener) => {
      const here = routes.filter((route) => route.listeners?.includes(listener) ?? true);
      return here.some(({ hosts }) => hosts === undefined) ? undefined : new Set(here.flatMap(({ hosts }) => hosts!));
    });
    const isSame = sets.every((set) => sameSet(set, sets[0]));
    this.byListener = isSame ? sets.slice(0, 1) : sets;
    this.isTable = this.patterns.length > CODE_MAX || (hasLeaves && this.patterns.length > 0);
    this.#numbers = new Map(this.patterns.map((pattern, number) => [pattern, number]));
  }

  numberOf(pattern: string): number {
    return this.#numbers.get(pattern)!;
  }
}

function sameSet(a: ReadonlySet<string> | undefined, b: ReadonlySet<string> | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.size === b.size && [...a].every((host) => b.has(host));
}

/** An expression: whether `host` fits one of the patterns. */
export function hostTest(patterns: Iterable<string>): string {
  const tests = [...patterns].map((pattern) => {
    if (!isWildcard(pattern)) return `host === ${literal(pattern)}`;
    const suffix = suffixOf(pattern);
    return `host.length > ${suffix.length} && host.endsWith(${literal(suffix)})`;
  });
  return anyOf(tests) || "false";
}

/** Alternatives as one expression that can stand beside `&&` in parentheses only if there are several. */
export function anyOf(tests: readonly string[]): string {
  if (tests.length < 2) return tests.join("");
  return tests.map((test) => (test.includes(" && ") ? `(${test})` : test)).join(" || ");
}

/** The condition that some route of the listener has this host, or undefined if any host has a route. */
export function emitHostCheck(out: Text, hosts: Hosts): string | undefined {
  if (hosts.isTable) emitReadHost(out, hosts);
  const { byListener } = hosts;
  if (byListener.every((set) => set === undefined)) return undefined;
  if (!hosts.isTable) {
    const tests = byListener.map((set) => set && hostTest(set));
    if (tests.length === 1) return tests[0];
    const cases = tests.map((test, listener) => test && `(${anyOf([`listenerNow !== ${listener}`, test])})`);
    return cases.filter((text) => text !== undefined).join(" && ");
  }
  if (byListener.length === 1) return "hostCount > 0";
  emitListenerHosts(out, hosts);
  return "hasHost()";
}

function emitReadHost(out: Text, { patterns }: Hosts): void {
  out.line("/** Every host that a route names, numbered. */");
  out.block(
    "const hosts: ReadonlyMap<string, number> = new Map(",
    () => {
      out.block(
        "[",
        () => {
          for (const pattern of patterns) out.line(`${literal(pattern)},`);
        },
        "].map((text, index): [string, number] => [text, index]),",
      );
    },
    ");",
  );
  const wildcards = patterns.filter(isWildcard).length;
  out.line("/** Those that the request's host fits, the most specific first. */");
  out.line(`const hostNumbers: Int32Array = new Int32Array(${wildcards + 1});`);
  out.line("let hostCount = 0;").line();
  out.block("function readHost(host: string): void {", () => {
    out.line("hostCount = 0;");
    out.line("const name = hosts.get(host);");
    out.line("if (name !== undefined) hostNumbers[hostCount++] = name;");
    if (wildcards === 0) return;
    out.block('for (let dot = host.indexOf(".", 1); dot >= 0; dot = host.indexOf(".", dot + 1)) {', () => {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a template of the generated code
      out.line("const wildcard = hosts.get(`*${host.slice(dot)}`);");
      out.line("if (wildcard !== undefined) hostNumbers[hostCount++] = wildcard;");
    });
  });
  out.line();
}

function emitListenerHosts(out: Text, { patterns, byListener }: Hosts): void {
  out.line("/** By listener: the numbers of the hosts that its routes name; undefined for any host. */");
  out.block(
    "const listenerHosts: readonly (ReadonlySet<number> | undefined)[] = [",
    () => {
      for (const set of byListener) {
        if (set === undefined) out.line("undefined,");
        else
          out.line(
            `new Set([${patterns.flatMap((pattern, number) => (set.has(pattern) ? [number] : [])).join(", ")}]),`,
          );
      }
    },
    "];",
  );
  out.line();
  out.block("function hasHost(): boolean {", () => {
    out.line("const known = listenerHosts[listenerNow];");
    out.line("if (known === undefined) return true;");
    out.line("for (let i = 0; i < hostCount; i++) if (known.has(hostNumbers[i]!)) return true;");
    out.line("return false;");
  });
  out.line();
}
