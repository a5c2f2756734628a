/** What each route does, phase by phase: the request, the upstream, the answer. */
import { showBytes } from "../budget/term.ts";
import type { Feature, RouteUse } from "../feature.ts";
import type { Plan, PlannedRoute } from "../plan.ts";
import type { Behaviour, Behaviours } from "./behaviour.ts";
import { foldLong } from "./fold.ts";
import { type Html, html, join, type Part } from "./html.ts";
import type { Section } from "./input.ts";
import { count, grouped } from "./numbers.ts";
import { type Told, tell } from "./steps.ts";

/** Up to so many are shown unfolded. */
const OPEN_MAX = 12;
/** Names shown in one line. */
const NAMED = 8;

export function routesSection(plan: Plan, { list }: Behaviours, features: readonly Feature[]): Section {
  const { clientHeadBytesMax, targetBytesMax, exchangesMax } = plan.limits;
  const isOpen = list.length <= OPEN_MAX;
  return {
    id: "routes",
    title: "What each route does",
    content: html`
<p>For every request: the head up to ${showBytes(clientHeadBytesMax)}, else <code>431</code>; path and query up to ${showBytes(targetBytesMax)}, else <code>414</code>; ${grouped(exchangesMax)} requests in flight, else <code>503</code>. Hop-by-hop fields are removed both ways; <code>X-Forwarded-*</code>, <code>X-Real-IP</code> and <code>Via</code> are set.${list.length < plan.routes.length && html` Routes that do the same are told together.`}</p>
${foldLong(
  list.map((behaviour, i) => renderBehaviour(behaviour, i, plan, features, isOpen)),
  (from, to) => html`${list[from]![0]!.name} to ${list[to]![0]!.name}`,
)}`,
  };
}

function renderBehaviour(
  routes: Behaviour,
  number: number,
  plan: Plan,
  features: readonly Feature[],
  isOpen: boolean,
): Html {
  const all = routes.map((route) => tell(route, plan, features));
  const common = commonOf(all);
  const upstream = plan.upstreams[routes[0]!.upstream];
  const names = routes.slice(0, NAMED).map(({ name }) => html`<b>${name}</b>`);
  const more = routes.length > NAMED && html` <small>and ${grouped(routes.length - NAMED)} more</small>`;
  const goesTo = upstream === undefined ? "answers itself" : `→ ${upstream.name}`;
  return html`<details class="route"${isOpen && html` open`}>
<summary><span class="place">${showPlaces(routes)}</span>${join(names, ", ")}${more} <span class="to">${goesTo}</span> <small>${featuresOf(routes[0]!, plan).join(", ")}</small></summary>
<div id="b${number}" class="flow">
${phase("Request", common.request)}
${common.upstream !== undefined && phase("Upstream", common.upstream)}
${phase("Answer", common.answer)}
</div>
${common.wait}${renderEach(routes, all, common)}</details>\n`;
}

/**
 * Where no upstream is asked, those that only have a say in what it would get do nothing; what is done on every route
 * has a section of its own.
 */
function featuresOf({ upstream, uses }: PlannedRoute, { program }: Plan): string[] {
  const says = ({ phases, dropResponseFields = [] }: RouteUse) =>
    upstream >= 0 || phases.request !== undefined || phases.responseHead !== undefined || dropResponseFields.length > 0;
  return [...uses].filter(([name, use]) => !program.has(name) && says(use)).map(([name]) => name);
}

function phase(title: string, steps: readonly Html[]): Html {
  return html`<div><h3>${title}</h3>${steps.length === 0 ? html`<p class="none">nothing more</p>` : html`<ul>${steps}</ul>`}</div>`;
}

/** What all of them do, in the words of the first. */
function commonOf(all: readonly Told[]): Told {
  const [first, ...others] = all as readonly [Told, ...Told[]];
  const within = (phase: "request" | "upstream" | "answer") =>
    others.reduce((left, told) => {
      const texts = new Set(told[phase]?.map(({ text }) => text));
      return left.filter(({ text }) => texts.has(text));
    }, first[phase] ?? []);
  const isSameWait = others.every(({ wait }) => wait?.text === first.wait?.text);
  return {
    request: within("request"),
    upstream: first.upstream && within("upstream"),
    answer: within("answer"),
    wait: isSameWait ? first.wait : undefined,
  };
}

/** Every route of many, with what it alone does. */
function renderEach(routes: readonly PlannedRoute[], all: readonly Told[], common: Told): Part {
  const shared = new Set(stepsOf(common).map(({ text }) => text));
  const own = all.map((told) => stepsOf(told).filter(({ text }) => !shared.has(text)));
  if (routes.length <= NAMED && own.every((steps) => steps.length === 0)) return undefined;
  const list = routes.map(
    ({ name, source }, i) =>
      html`<li>${name} <span class="place">${source}</span>${own[i]!.length > 0 && html`<ul>${own[i]}</ul>`}</li>\n`,
  );
  const differs = own.some((steps) => steps.length > 0) && ", and what each does besides";
  return html`<details><summary>${count(routes.length, "route")}${differs}</summary><ul class="each">${list}</ul></details>`;
}

function stepsOf({ request, upstream = [], answer }: Told): Html[] {
  return [...request, ...upstream, ...answer];
}

/** "routes/pump.yaml:24, 27" */
function showPlaces(routes: readonly PlannedRoute[]): string {
  const lines = routes.slice(1, NAMED).map(({ source }) => source.slice(source.lastIndexOf(":") + 1));
  return [routes[0]!.source, ...lines.filter((line) => !routes[0]!.source.endsWith(`:${line}`))].join(", ");
}
