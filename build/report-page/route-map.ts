/** How a request finds its route: the questions in the order they are asked, and every route where it is tried. */
import { nameMethods } from "../analyse/methods.ts";
import type { Choice, PathKind, Pattern } from "../match/patterns.ts";
import type { Condition, PathPattern, Plan, PlannedRoute } from "../plan.ts";
import { PIECE, pieces } from "./fold.ts";
import { Hosts, isDecidedByHost, showHosts } from "./hosts.ts";
import { type Html, html, join, type Part } from "./html.ts";
import type { Section } from "./input.ts";
import { choicesOf, classesOf, type PathClass } from "./match-order.ts";
import { count, grouped } from "./numbers.ts";

const CLASSES: Readonly<Record<PathKind, { readonly title: string; readonly order: string }>> = {
  exact: { title: "Exact paths", order: "looked up; at most one fits" },
  template: { title: "Templates", order: "a literal before a variable, segment by segment" },
  prefix: { title: "Prefixes", order: "the longest that fits, a literal before a variable" },
  regex: { title: "Patterns", order: "path_regex; a narrower one before a wider one" },
};

interface Context {
  readonly plan: Plan;
  readonly hosts: Hosts;
  /** The number of each route's entry in the section that says what it does. */
  readonly behaviourOf: readonly number[];
}

export function mapSection(plan: Plan, behaviourOf: readonly number[]): Section {
  const context: Context = { plan, hosts: new Hosts(plan.routes), behaviourOf };
  const classes = classesOf(plan.routes);
  return {
    id: "map",
    title: "How a request finds its route",
    note: grouped(plan.routes.length),
    content: html`
${renderQuestions(context, classes)}
${classes.map((one) => renderClass(one, context))}`,
  };
}

function renderQuestions({ plan, hosts }: Context, classes: readonly PathClass[]): Html {
  const listeners = plan.listeners.map(
    ({ name, host, port }) => html`${name} <code>${host.includes(":") ? `[${host}]` : host}:${port}</code>`,
  );
  const kinds = classes.map(({ kind }) => html`<a href="#map-${kind}">${CLASSES[kind].title.toLowerCase()}</a>`);
  const steps: [string, Part][] = [
    ["Listener", join(listeners, ", ")],
    ["Host", hosts.render()],
    ["Path", join(kinds, ", then ")],
    [
      "Rest",
      "On one path: the narrower host, then a route that names listeners, that names methods, with more conditions.",
    ],
    ["No match", html`<code>404</code>, or <code>405</code> with Allow if only the method is wrong.`],
  ];
  return html`<ol class="ask">
${steps.map(([name, text]) => html`<li><b>${name}</b><span>${text}</span></li>\n`)}</ol>`;
}

function renderClass({ kind, patterns }: PathClass, context: Context): Html {
  const rows = patterns.map((pattern) => renderPattern(pattern, context));
  const { title, order } = CLASSES[kind];
  const caption = html`<b>${title}</b> ${order}`;
  if (rows.length <= PIECE) return html`<div id="map-${kind}">${renderTable(caption, rows)}</div>\n`;
  const folds = pieces(rows.length).map(([from, to]) => {
    const [first, last] = [patterns[from]!, patterns[to]!];
    const table = renderTable(html`${title}, ${grouped(from + 1)} to ${grouped(to + 1)}`, rows.slice(from, to + 1));
    return html`<details class="fold"><summary><code>${first.path.text}</code> to <code>${last.path.text}</code> <small>${to - from + 1}</small></summary>
${table}</details>\n`;
  });
  return html`<div id="map-${kind}"><p class="caption">${caption}, ${count(rows.length, "path")}</p>\n${folds}</div>\n`;
}

function renderTable(caption: Part, rows: readonly Part[]): Html {
  return html`<table class="map" role="table"><caption>${caption}</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader">Path</th><th role="columnheader">If</th><th role="columnheader">Route</th></tr></thead>
<tbody role="rowgroup">
${rows}</tbody></table>`;
}

function renderPattern(pattern: Pattern<PlannedRoute>, { plan, hosts, behaviourOf }: Context): Part {
  const byHost = isDecidedByHost(pattern);
  return choicesOf(pattern, byHost).map((choice, i) => {
    const { route, number } = choice;
    const upstream = plan.upstreams[route.upstream];
    const goesTo = upstream === undefined ? "answers itself" : `→ ${upstream.name}`;
    const path = html`<code${i > 0 && html` class="again"`}>${showPath(route.path)}</code>`;
    const conditions = showConditions(choice, byHost || hosts.isUnusual(route), plan);
    return html`<tr role="row"><td role="cell">${path}</td><td role="cell">${conditions}</td><td role="cell"><a href="#b${behaviourOf[number]}">${route.name}</a> <span class="to">${goesTo}</span></td></tr>\n`;
  });
}

/** With its variables and its open end set apart, and places to break a long one. */
function showPath({ kind, text }: PathPattern): Part {
  if (kind === "regex") return text;
  return text
    .split(/(\{[^}]*\}|\*$|(?<=\/))/)
    .filter((part) => part !== "")
    .map((part) => (/^(\{.*\}|\*)$/.test(part) ? html`<var>${part}</var>` : html`${part}<wbr>`));
}

function showConditions({ route, hosts }: Choice<PlannedRoute>, showsHosts: boolean, plan: Plan): Part {
  const { methods, listeners, conditions } = route;
  const parts: Part[] = [
    methods !== undefined && html`<span class="methods">${nameMethods(methods)}</span>`,
    showsHosts && showHosts(hosts),
    listeners !== undefined && `on ${listeners.map((i) => plan.listeners[i]!.name).join(", ")}`,
    ...conditions.map(showCondition),
  ].filter((part) => part !== false);
  return parts.length === 0 ? html`<span class="none">any request</span>` : join(parts, " · ");
}

function showCondition({ on, name, test, value }: Condition): Part {
  const subject = on === "field" ? name : `?${name}`;
  if (test === "present") return html`with <code>${subject}</code>`;
  if (test === "absent") return html`without <code>${subject}</code>`;
  return html`<code>${subject}${on === "field" ? ": " : "="}${value}${test === "prefix" && html`<var>…</var>`}</code>`;
}
