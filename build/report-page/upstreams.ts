/** The servers behind the gateway, and how it deals with each. */
import { showMs } from "../explain/latency.ts";
import type { Plan, PlannedEndpoint, PlannedUpstream } from "../plan.ts";
import { html, type Part } from "./html.ts";
import type { Section } from "./input.ts";
import { count } from "./numbers.ts";

export function upstreamsSection(plan: Plan): Section | undefined {
  if (plan.upstreams.length === 0) return undefined;
  const used = plan.upstreams.map(() => 0);
  for (const { upstream } of plan.routes) if (upstream >= 0) used[upstream]!++;
  return {
    id: "upstreams",
    title: "Upstreams",
    note: String(plan.upstreams.length),
    content: html`
<table role="table"><caption>The only servers it can reach</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader">Upstream</th><th role="columnheader">Endpoints</th><th role="columnheader">Connections</th><th role="columnheader" class="n">Routes</th></tr></thead>
<tbody role="rowgroup">
${plan.upstreams.map((upstream, i) => renderRow(upstream, used[i]!))}</tbody></table>`,
  };
}

function renderRow(upstream: PlannedUpstream, routes: number): Part {
  const { name, endpoints, policy } = upstream;
  const list = endpoints.map(
    (endpoint) =>
      html`<li><code>${endpointUrl(endpoint)}</code>${endpoint.weight > 1 && ` weight ${endpoint.weight}`}</li>`,
  );
  return html`<tr role="row"><th role="rowheader" scope="row">${name}${endpoints.length > 1 && html` <small>${policy}</small>`}</th><td role="cell"><ul class="plain">${list}</ul></td><td role="cell">${showConnections(upstream)}</td><td role="cell" class="n"><span class="label">routes </span>${routes}</td></tr>\n`;
}

function showConnections({ endpoints, ...upstream }: PlannedUpstream): string {
  const { connectionsMax, connectionsIdleMax, connectionsIdleMs, waitingMax, pipelining } = upstream;
  return [
    `${connectionsMax}${endpoints.length > 1 ? " to each" : ""}`,
    connectionsIdleMax > 0 ? `${connectionsIdleMax} kept for ${showMs(connectionsIdleMs)}` : "none kept",
    `${count(waitingMax, "request")} may wait`,
    ...(pipelining > 1 ? [`pipelining ${pipelining}`] : []),
  ].join(", ");
}

export function endpointUrl({ host, port, socketPath }: PlannedEndpoint): string {
  if (socketPath !== "") return `unix:${socketPath}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
