/** How a request finds its route: the questions in the order they are asked, and every route where it is tried. */
import { nameMethods } from "../analyse/methods.ts";
import type { Choice, PathKind, Pattern } from "../match/patterns.ts";
import type { Condition, PathPattern, Plan, PlannedRoute } from "../plan.ts";
import { Hosts, isDecidedByHost, showHosts } from "./hosts.ts";
import { type Html, html, join, type Part } from "./html.ts";
import type { Section } from "./input.ts";
import { choicesOf, classesOf, type PathClass } from "./match-order.ts";
import { grouped } from "./numbers.ts";
import { cell, renderTable, row } from "./table.ts";

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
      "Among routes on one path the narrower host comes first, then who names listeners, who names methods, who has more conditions.",
    ],
    ["No match", html`<code>404</code>, or <code>405</code> with Allow if only the method is wrong.`],
  ];
  return html`<ol class="ask">
${steps.map(([name, text]) => html`<li><b>${name}</b><span>${text}</span></li>\n`)}</ol>`;
}

function renderClass({ kind, patterns }: PathClass, context: Context): Html {
  const { title, order } = CLASSES[kind];
  const table = renderTable(
    {
      caption: html`<b>${title}</b> ${order}`,
      kind: "map",
      columns: ["Path", "If", "Route"],
      rows: patterns.map((pattern) => renderPattern(pattern, context)),
    },
    (from, to) => html`<code>${patterns[from]!.path.text}</code> to <code>${patterns[to]!.path.text}</code>`,
  );
  return html`<div id="map-${kind}">${table}</div>\n`;
}

function renderPattern(pattern: Pattern<PlannedRoute>, { plan, hosts, behaviourOf }: Context): Part {
  const byHost = isDecidedByHost(pattern);
  return choicesOf(pattern, byHost).map((choice, i) => {
    const { route, number } = choice;
    const upstream = plan.upstreams[route.upstream];
    const goesTo = upstream === undefined ? "answers itself" : `→ ${upstream.name}`;
    const path = html`<code${i > 0 && html` class="again"`}>${showPath(route.path)}</code>`;
    const conditions = showConditions(choice, byHost || hosts.isUnusual(route), plan);
    const link = html`<a href="#b${behaviourOf[number]}">${route.name}</a>`;
    return row([cell(path), cell(conditions), cell(html`${link} <span class="to">${goesTo}</span>`)]);
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
