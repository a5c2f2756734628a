/** The matcher's code form: comparisons written out, for few patterns (see matcher.ts). */
import { type Pattern, type PatternNode, treeOf } from "./patterns.ts";
import { literal, type Text } from "./text.ts";

/** Where a segment starts: after a fixed number of characters, or that many after the end of a variable. */
interface Place {
  readonly base: string;
  readonly plus: number;
}

export function emitExactCode(out: Text, patterns: readonly Pattern[]): void {
  out.line();
  emitFunction(out, "matchExact", patterns, () => {
    for (const pattern of patterns) {
      out.block(`if (path === ${literal(`/${pattern.segments.join("/")}`)}) {`, () => emitLeaf(out, pattern));
    }
    out.line("return -1;");
  });
}

/** All of one kind: templates or prefixes. @returns the function's name */
export function emitTreeCode(out: Text, patterns: readonly Pattern[]): string {
  const root = treeOf(patterns);
  const kind = patterns[0]!.kind;
  out.line();
  const name = kind === "template" ? "matchTemplate" : "matchPrefix";
  emitFunction(out, name, patterns, () => {
    emitNode(out, kind === "prefix", root, { base: "", plus: 1 }, 1);
    if (root.prefix !== undefined && emitLeaf(out, root.prefix)) return;
    out.line("return -1;");
  });
  return name;
}

function emitFunction(out: Text, name: string, patterns: readonly Pattern[], body: () => void): void {
  const routes = patterns.flatMap((pattern) => pattern.routes);
  const host = routes.some(({ route }) => route.hosts !== undefined) ? "host" : "_host";
  const method = routes.some(({ route }) => route.methods !== undefined) ? "method" : "_method";
  const path = patterns.some((pattern) => pattern.kind !== "prefix" || pattern.segments.length > 0) ? "path" : "_path";
  out.block(`function ${name}(${host}: string, ${method}: number, ${path}: string): number {`, body);
}

/** Literals before the variable, deeper before shallower: the order of precedence. */
function emitNode(out: Text, prefix: boolean, node: PatternNode, at: Place, depth: number): void {
  for (const [segment, child] of node.literals) {
    const { text, end } = collapse(segment, child);
    if (prefix || hasChildren(end)) {
      out.block(`if (path.startsWith(${literal(`${text}/`)}, ${show(at)})) {`, () => {
        emitNode(out, prefix, end, { ...at, plus: at.plus + text.length + 1 }, depth + 1);
        if (end.prefix !== undefined) emitLeaf(out, end.prefix);
      });
    }
    const { template } = end;
    if (template !== undefined) {
      const rest = `path.length === ${show({ ...at, plus: at.plus + text.length })}`;
      const same = text === "" ? "" : ` && path.startsWith(${literal(text)}, ${show(at)})`;
      out.block(`if (${rest}${same}) {`, () => emitLeaf(out, template));
    }
  }
  if (node.variable !== undefined) emitVariable(out, prefix, node.variable, at, depth);
}

/** A variable stands for one segment of at least one character. */
function emitVariable(out: Text, prefix: boolean, child: PatternNode, at: Place, depth: number): void {
  const end = `end${depth}`;
  const { template, prefix: below } = child;
  out.line(`const ${end} = path.indexOf("/", ${show(at)});`);
  if (prefix || hasChildren(child)) {
    out.block(`if (${end} > ${show(at)}) {`, () => {
      emitNode(out, prefix, child, { base: end, plus: 1 }, depth + 1);
      if (below !== undefined) emitLeaf(out, below);
    });
  }
  if (template !== undefined) {
    out.block(`if (${end} < 0 && path.length > ${show(at)}) {`, () => emitLeaf(out, template));
  }
}

/** The routes of a pattern that matched; true if the last one returns whatever the request. */
function emitLeaf(out: Text, pattern: Pattern): boolean {
  for (const { number, route } of pattern.routes) {
    out.comment(`${route.source} ${route.name}: ${route.path.text}`);
    const take = () => {
      if (route.methods === undefined) {
        out.line(`return ${number};`);
      } else {
        out.line(`if ((method & ${route.methods}) !== 0) return ${number};`);
        out.line(`allowedMethods |= ${route.methods};`);
      }
    };
    if (route.hosts === undefined) take();
    else out.block(`if (${route.hosts.map((host) => `host === ${literal(host)}`).join(" || ")}) {`, take);
    if (route.hosts === undefined && route.methods === undefined) return true;
  }
  return false;
}

/** A chain of literals that nothing branches off, as one text: one comparison instead of several. */
function collapse(segment: string, child: PatternNode): { text: string; end: PatternNode } {
  let text = segment;
  let end = child;
  while (
    end.template === undefined &&
    end.prefix === undefined &&
    end.variable === undefined &&
    end.literals.size === 1
  ) {
    const [[next, below]] = end.literals as Iterable<[string, PatternNode]> as [[string, PatternNode]];
    text += `/${next}`;
    end = below;
  }
  return { text, end };
}

function hasChildren(node: PatternNode): boolean {
  return node.literals.size > 0 || node.variable !== undefined;
}

function show(at: Place): string {
  return at.base === "" ? String(at.plus) : `${at.base} + ${at.plus}`;
}
