/** The matcher's code form: comparisons written out, for few patterns (see matcher.ts). */
import { type Choice, type Pattern, type PatternNode, treeOf } from "../match/patterns.ts";
import type { PlannedRoute } from "../plan.ts";
import { type Asked, describeConditions } from "./matcher-conditions.ts";
import { anyOf, hostTest } from "./matcher-hosts.ts";
import { literal, type Text } from "./text.ts";

/** Where a segment starts: after a fixed number of characters, or that many after the end of a variable. */
interface Place {
  readonly base: string;
  readonly plus: number;
}

export function emitExactCode(out: Text, patterns: readonly Pattern<PlannedRoute>[], asked: Asked): void {
  out.line();
  emitFunction(out, "matchExact", patterns, () => {
    for (const pattern of patterns) {
      out.block(`if (path === ${literal(`/${pattern.segments.join("/")}`)}) {`, () => emitLeaf(out, pattern, asked));
    }
    out.line("return -1;");
  });
}

/** All of one kind: templates or prefixes. @returns the function's name */
export function emitTreeCode(out: Text, patterns: readonly Pattern<PlannedRoute>[], asked: Asked): string {
  const root = treeOf(patterns);
  const kind = patterns[0]!.kind;
  out.line();
  const name = kind === "template" ? "matchTemplate" : "matchPrefix";
  emitFunction(out, name, patterns, () => {
    emitNode(out, { prefix: kind === "prefix", asked }, root, { base: "", plus: 1 }, 1);
    if (root.prefix !== undefined && emitLeaf(out, root.prefix, asked)) return;
    out.line("return -1;");
  });
  return name;
}

export function emitFunction(
  out: Text,
  name: string,
  patterns: readonly Pattern<PlannedRoute>[],
  body: () => void,
): void {
  const routes = patterns.flatMap((pattern) => pattern.choices);
  const host = routes.some(({ route }) => route.hosts !== undefined) ? "host" : "_host";
  const method = routes.some(({ route }) => route.methods !== undefined) ? "method" : "_method";
  const path = patterns.some((pattern) => pattern.kind !== "prefix" || pattern.segments.length > 0) ? "path" : "_path";
  out.block(`function ${name}(${host}: string, ${method}: number, ${path}: string): number {`, body);
}

interface Context {
  readonly prefix: boolean;
  readonly asked: Asked;
}

/** Literals before the variable, deeper before shallower: the order of precedence. */
function emitNode(out: Text, context: Context, node: PatternNode<PlannedRoute>, at: Place, depth: number): void {
  const { prefix, asked } = context;
  for (const [segment, child] of node.literals) {
    const { text, end } = collapse(segment, child);
    if (prefix || hasChildren(end)) {
      out.block(`if (path.startsWith(${literal(`${text}/`)}, ${show(at)})) {`, () => {
        emitNode(out, context, end, { ...at, plus: at.plus + text.length + 1 }, depth + 1);
        if (end.prefix !== undefined) emitLeaf(out, end.prefix, asked);
      });
    }
    const { template } = end;
    if (template !== undefined) {
      const rest = `path.length === ${show({ ...at, plus: at.plus + text.length })}`;
      const same = text === "" ? "" : ` && path.startsWith(${literal(text)}, ${show(at)})`;
      out.block(`if (${rest}${same}) {`, () => emitLeaf(out, template, asked));
    }
  }
  if (node.variable !== undefined) emitVariable(out, context, node.variable, at, depth);
}

/** A variable stands for one segment of at least one character. */
function emitVariable(out: Text, context: Context, child: PatternNode<PlannedRoute>, at: Place, depth: number): void {
  const { prefix, asked } = context;
  const end = `end${depth}`;
  const { template, prefix: below } = child;
  out.line(`const ${end} = path.indexOf("/", ${show(at)});`);
  if (prefix || hasChildren(child)) {
    out.block(`if (${end} > ${show(at)}) {`, () => {
      emitNode(out, context, child, { base: end, plus: 1 }, depth + 1);
      if (below !== undefined) emitLeaf(out, below, asked);
    });
  }
  if (template !== undefined) {
    out.block(`if (${end} < 0 && path.length > ${show(at)}) {`, () => emitLeaf(out, template, asked));
  }
}

/** The routes of a pattern that matched; true if the last one returns whatever the request. */
export function emitLeaf(out: Text, pattern: Pattern<PlannedRoute>, asked: Asked): boolean {
  for (const choice of pattern.choices) {
    const { number, route } = choice;
    out.comment(`${route.source} ${route.name}: ${route.path.text}${describeConditions(route.conditions)}`);
    const take = () => {
      if (route.methods === undefined) {
        out.line(`return ${number};`);
      } else {
        out.line(`if ((method & ${route.methods}) !== 0) return ${number};`);
        out.line(`allowedMethods |= ${route.methods};`);
      }
    };
    const test = testOf(choice, asked);
    if (test === "") take();
    else out.block(`if (${test}) {`, take);
    if (test === "" && route.methods === undefined) return true;
  }
  return false;
}

/** What has to hold besides path and method, "" for nothing. */
function testOf({ hosts, route }: Choice<PlannedRoute>, asked: Asked): string {
  const tests = route.conditions.map((condition) => asked.test(condition));
  if (hosts !== undefined) tests.unshift(hostTest(hosts));
  if (asked.byListener && route.listeners !== undefined)
    tests.unshift(anyOf(route.listeners.map((listener) => `listenerNow === ${listener}`)));
  if (tests.length === 1) return tests[0]!;
  return tests.map((test) => (test.includes(" || ") ? `(${test})` : test)).join(" && ");
}

/** A chain of literals that nothing branches off, as one text: one comparison instead of several. */
function collapse(segment: string, child: PatternNode<PlannedRoute>): { text: string; end: PatternNode<PlannedRoute> } {
  let text = segment;
  let end = child;
  while (
    end.template === undefined &&
    end.prefix === undefined &&
    end.variable === undefined &&
    end.literals.size === 1
  ) {
    const [[next, below]] = end.literals as Iterable<[string, PatternNode<PlannedRoute>]> as [
      [string, PatternNode<PlannedRoute>],
    ];
    text += `/${next}`;
    end = below;
  }
  return { text, end };
}

function hasChildren(node: PatternNode<PlannedRoute>): boolean {
  return node.literals.size > 0 || node.variable !== undefined;
}

function show(at: Place): string {
  return at.base === "" ? String(at.plus) : `${at.base} + ${at.plus}`;
}
