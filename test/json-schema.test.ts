/**
 * The JSON Schema that editors get says the same as `hardwire check`: it takes every file that check accepts, and finds
 * every mistake of shape that the golden cases know (test/cases). `make schema` writes the copies beside the examples.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { Ajv, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";

const ROOT = join(import.meta.dirname, "..");
const CLI = join(ROOT, "build/cli.ts");
const KINDS = ["routes", "target"] as const;
const DRAFTS = ["draft-07", "2020-12"] as const;
type Kind = (typeof KINDS)[number];

function emit(kind: Kind, draft: string): string {
  return execFileSync(process.execPath, [CLI, "schema", kind, "--draft", draft], { encoding: "utf8" });
}

/** A key twice is what check complains of, not a schema. */
function read(text: string): unknown {
  return parse(text, { uniqueKeys: false });
}

const OPTIONS = { strict: true, strictTypes: false, strictRequired: false, allErrors: true } as const;
const texts = new Map(KINDS.flatMap((kind) => DRAFTS.map((draft) => [`${kind} ${draft}`, emit(kind, draft)])));
const validators = new Map(
  [...texts].map(([name, text]): [string, ValidateFunction] => {
    const ajv = name.endsWith("2020-12") ? new Ajv2020(OPTIONS) : new Ajv(OPTIONS);
    return [name, ajv.compile(JSON.parse(text))];
  }),
);

/** What the schema finds in a file: the same in both drafts. */
function mistakesIn(kind: Kind, value: unknown): string[] {
  const [first, second] = DRAFTS.map((draft) => {
    const validate = validators.get(`${kind} ${draft}`)!;
    validate(value);
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  });
  assert.deepEqual(first, second, "the drafts disagree");
  return first!;
}

interface Node {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly propertyNames?: Node;
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

/** Places in the schema that say nothing about what they are for. */
function undescribed(node: Node, path: string): string[] {
  const { properties = {}, propertyNames, additionalProperties, items, anyOf = [] } = node;
  const parts: [string, Node][] = [
    ...Object.entries(properties).map(([key, part]): [string, Node] => [`${path}.${key}`, part]),
    ...(propertyNames === undefined ? [] : [[`${path}'s keys`, propertyNames] satisfies [string, Node]]),
    ...(typeof additionalProperties === "object" ? [[`${path}.*`, additionalProperties] satisfies [string, Node]] : []),
    ...(items === undefined ? [] : [[`${path}[]`, items] satisfies [string, Node]]),
  ];
  const inner = [...parts.map(([at, part]) => undescribed(part, at)), ...anyOf.map((part) => alternative(part, path))];
  return [...(node.description ? [] : [path]), ...inner.flat()];
}

/** The alternatives of one key share its description. */
function alternative(node: Node, path: string): string[] {
  return undescribed({ description: "shared", ...node }, path);
}

for (const [name, text] of texts) {
  test(`${name}: every key has a description`, () => {
    const schema = JSON.parse(text) as Node & { readonly title: string; readonly $schema: string };
    assert.deepEqual(undescribed(schema, ""), []);
    assert.match(schema.$schema, name.endsWith("2020-12") ? /2020-12/ : /draft-07/);
  });
}

test("the schema has the features' keys", () => {
  const { properties } = JSON.parse(texts.get("routes draft-07")!) as Node;
  assert.ok(properties?.routes?.items?.properties?.respond?.properties?.status?.description);
  assert.ok(properties?.defaults?.properties?.request_headers);
});

const COPIES = { routes: "routes/schema/routes.v1.json", target: "targets/schema/target.v1.json" } as const;

for (const kind of KINDS) {
  test(`${COPIES[kind]} is current; else run make schema`, () => {
    assert.equal(readFileSync(join(ROOT, COPIES[kind]), "utf8"), texts.get(`${kind} draft-07`));
  });
}

for (const file of globSync(["routes/*.yaml", "targets/*.yaml"], { cwd: ROOT }).sort()) {
  test(`${file} names its schema in the first line, and fits it`, () => {
    const text = readFileSync(join(ROOT, file), "utf8");
    const named = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text)?.[1];
    const kind = file.startsWith("routes/") ? "routes" : "target";
    assert.ok(named, "the first line is # yaml-language-server: $schema=…");
    assert.equal(join(dirname(file), named), COPIES[kind]);
    assert.deepEqual(mistakesIn(kind, read(text)), []);
  });
}

/** What the schema of one file cannot see: a value that stands in the other file, a key that an extended one lacks. */
const ACROSS_FILES = ["test/cases/overrides-values.txt", "test/cases/extends-holes.txt"];

/** Codes of mistakes in the shape of one value; others take more than a schema to see. */
const SHAPE = /^(\S+?):\d+:\d+ {2}HW110[12356] {2}(\S+):/gm;

describe("golden cases", () => {
  for (const file of globSync(["test/cases/*.txt", "src/features/*/cases/*.txt"], { cwd: ROOT }).sort()) {
    const [, ...sections] = readFileSync(join(ROOT, file), "utf8").split(/^--- /m);
    const outcome = sections.at(-1)!;
    for (const section of sections.slice(0, -1)) {
      const [name = "", content = ""] = section.split(/\n([\s\S]*)/);
      const kind = name.startsWith("routes.") ? "routes" : "target";
      const wrong = [...outcome.matchAll(SHAPE)].filter(([, at]) => at === name && !ACROSS_FILES.includes(file));
      if (outcome.startsWith("exit 0\n")) {
        const isBase = kind === "target" && name !== "target.yaml";
        test(`${file}: ${name} is accepted`, () => {
          const mistakes = mistakesIn(kind, read(content));
          assert.deepEqual(isBase ? mistakes.filter((message) => !message.includes("required")) : mistakes, []);
        });
      } else if (wrong.length > 0) {
        test(`${file}: ${name} is refused`, () => assert.notDeepEqual(mistakesIn(kind, read(content)), []));
      }
    }
  }
});

test("a target may leave out what the one it extends says, and only then", () => {
  assert.deepEqual(mistakesIn("target", { extends: "a.yaml", listeners: { lan: {} } }), []);
  assert.deepEqual(mistakesIn("target", { listeners: { lan: {} } }), [
    " must have required property 'target'",
    "/listeners/lan must have required property 'address'",
    ' must match "else" schema',
  ]);
});

describe("the command", () => {
  const run = (...args: string[]) => spawnSync(process.execPath, [CLI, "schema", ...args], { encoding: "utf8" });

  test("draft-07 is what is printed without --draft", () => {
    assert.equal(run("routes").stdout, texts.get("routes draft-07"));
  });

  test("--help teaches", () => {
    const { status, stdout } = run("--help");
    assert.equal(status, 0);
    for (const word of ["yaml-language-server", "Examples:", "2020-12", "hardwire check"])
      assert.ok(stdout.includes(word));
  });

  for (const args of [[], ["route"], ["routes", "--draft", "draft-04"]]) {
    test(`hardwire schema ${args.join(" ")}: exit 64 and one line`, () => {
      const { status, stdout, stderr } = run(...args);
      assert.deepEqual([status, stdout], [64, ""]);
      assert.match(stderr, /^hardwire: [^\n]+\n$/);
    });
  }
});
