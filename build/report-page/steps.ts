/** What becomes of a request on one route, step by step, in the three phases that a reader knows. */
import { showBytes } from "../budget/term.ts";
import { type Latency, latencyOf, showMs } from "../explain/latency.ts";
import type { Feature, Phase } from "../feature.ts";
import type { Plan, PlannedRoute, PlannedUpstream } from "../plan.ts";
import { bar } from "./bars.ts";
import { type Effect, effectsOf } from "./behaviour.ts";
import { type Html, html, join } from "./html.ts";
import { grouped } from "./numbers.ts";
import { endpointUrl } from "./upstreams.ts";

/** Endpoints shown. */
const NAMED = 8;

/** Each step a list item. */
export interface Told {
  readonly request: readonly Html[];
  /** Undefined where no upstream is asked. */
  readonly upstream: readonly Html[] | undefined;
  readonly answer: readonly Html[];
  /** How long a client can wait, as a chart; undefined likewise. */
  readonly wait: Html | undefined;
}

export function tell(route: PlannedRoute, plan: Plan, features: readonly Feature[]): Told {
  const upstream = plan.upstreams[route.upstream];
  const latency = latencyOf(route, plan);
  const effects = (phase: Phase) => effectsOf(phase, route, plan, features).map(renderEffect);
  return {
    request: [...requestSteps(route), ...effects("request")],
    upstream: upstream && upstreamSteps(route, upstream, effects("upstreamRequest"), plan),
    answer: [...effects("responseHead"), ...(upstream === undefined ? [] : answerSteps(route))],
    wait: latency && renderWait(latency),
  };
}

/** A limit, and what a client gets that is beyond it. */
function limit(what: string, most: string, otherwise: string): Html {
  return html`<li class="limit"><span>${what}</span> <span>≤ ${most}</span> <small>else ${otherwise}</small></li>`;
}

function requestSteps({ uriBytesMax, fieldsMax, inFlightMax, bodyBytesMax }: PlannedRoute): Html[] {
  const steps: (Html | false)[] = [
    uriBytesMax !== undefined && limit("path and query", showBytes(uriBytesMax), "414"),
    fieldsMax !== undefined && limit("fields", String(fieldsMax), "431"),
    inFlightMax !== undefined && limit("in flight", grouped(inFlightMax), "503"),
    limit("body", showBytes(bodyBytesMax), "413"),
  ];
  return steps.filter((one) => one !== false);
}

function upstreamSteps(route: PlannedRoute, upstream: PlannedUpstream, effects: readonly Html[], plan: Plan): Html[] {
  const { endpoints, waitingMax, connectionsMax, pipelining } = upstream;
  const waits = waitingMax > 0 && connectionsMax * endpoints.length < plan.limits.exchangesMax;
  const urls = endpoints.slice(0, NAMED).map((endpoint) => html`<br><code>${endpointUrl(endpoint)}</code>`);
  const more = endpoints.length > NAMED && html`<br>and ${endpoints.length - NAMED} more`;
  const steps: (Html | false)[] = [
    html`<li><a href="#upstreams">${upstream.name}</a>${urls}${more}</li>`,
    waits && limit("queue", showMs(route.queueMs), "503"),
    limit("connect", showMs(route.connectMs), "504"),
    ...effects,
    pipelining > 1 && html`<li>${pipelining} safe requests may share a connection</li>`,
    limit("response header", showMs(route.responseHeaderMs), "504"),
  ];
  return steps.filter((one) => one !== false);
}

function answerSteps({ idleMs, requestMs }: PlannedRoute): Html[] {
  return [limit("idle", showMs(idleMs), "cut"), limit("request", showMs(requestMs), "504")];
}

function renderEffect(effect: Effect): Html {
  const name = html`<b class="feature">${effect.feature}</b>`;
  if (effect.kind === "fields") {
    const lines = effect.changes.map(
      ({ rule, name, value }) =>
        html`<li class="${rule}"><span>${rule}</span> <code>${name}${value !== "" && html`: ${value}`}</code></li>`,
    );
    return html`<li>${name}<ul class="fields">${lines}</ul></li>`;
  }
  if (effect.kind === "reply") {
    const { status, fields, body } = effect.reply;
    const type = fields.map(([field, value]) => html` <code>${field}: ${value}</code>`);
    return html`<li>${name} <code>${status}</code>${type}${body !== "" && html`<pre>${cut(body)}</pre>`}</li>`;
  }
  return html`<li>${name} ${join(settingLines(effect.settings), " ")}</li>`;
}

const TEXT_CHARS_MAX = 240;

function cut(text: string): string {
  return text.length <= TEXT_CHARS_MAX ? text : `${text.slice(0, TEXT_CHARS_MAX)}… (${text.length} characters)`;
}

/** `strip_prefix: /plc`: as the language writes them, in one line where they are short. */
export function settingLines(settings: Readonly<Record<string, unknown>>): Html[] {
  return Object.entries(settings).flatMap(([key, value]): Html[] => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return settingLines(value as Readonly<Record<string, unknown>>);
    }
    return [html`<code>${key}: ${cut(typeof value === "string" ? value : JSON.stringify(value))}</code>`];
  });
}

const WAITS: Readonly<Record<string, string>> = {
  "kept connection": "w1",
  "failed connections": "w2",
  connection: "w3",
  pipeline: "w4",
  answer: "w5",
};

function renderWait({ headMs, steps, isCut, requestMs }: Latency): Html {
  const sum = steps.reduce((total, { ms }) => total + ms, 0);
  const shares = steps.map(({ name, ms }) => ({ amount: ms, kind: WAITS[name]! }));
  const legend = steps.map(({ name, ms }) => html`<li><i class="key ${WAITS[name]}"></i>${name} ${showMs(ms)}</li>`);
  const end = isCut && html`<li><i class="key end"></i>request ends it at ${showMs(requestMs)}</li>`;
  return html`<div class="wait"><p>At worst a client waits <b>${showMs(headMs)}</b> for the head, <b>${showMs(requestMs)}</b> for the end.</p>
<div>${bar(shares, sum, isCut ? headMs : undefined)}<ul>${legend}${end}</ul></div></div>\n`;
}
