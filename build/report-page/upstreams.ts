/** The servers behind the gateway, and how it deals with each. */
import { showMs } from "../explain/latency.ts";
import type { Plan, PlannedEndpoint, PlannedUpstream } from "../plan.ts";
import { type Html, html } from "./html.ts";
import type { Section } from "./input.ts";
import { count, grouped } from "./numbers.ts";
import { cell, head, numberCell, renderTable, row } from "./table.ts";

export function upstreamsSection(plan: Plan): Section | undefined {
  if (plan.upstreams.length === 0) return undefined;
  const used = plan.upstreams.map(() => 0);
  for (const { upstream } of plan.routes) if (upstream >= 0) used[upstream]!++;
  return {
    id: "upstreams",
    title: "Upstreams",
    note: String(plan.upstreams.length),
    content: renderTable({
      kind: "upstreams",
      caption: "The only servers it can reach",
      columns: ["Upstream", "Endpoints", "Connections", "#Routes"],
      rows: plan.upstreams.map((upstream, i) => renderRow(upstream, used[i]!)),
    }),
  };
}

function renderRow(upstream: PlannedUpstream, routes: number): Html {
  const { name, endpoints, policy } = upstream;
  const list = endpoints.map(
    (endpoint) =>
      html`<li><code>${endpointUrl(endpoint)}</code>${endpoint.weight > 1 && ` weight ${endpoint.weight}`}</li>`,
  );
  return row([
    head(html`<b>${name}</b>${endpoints.length > 1 && html` <small>${policy}</small>`}`),
    cell(html`<ul>${list}</ul>`),
    cell(showConnections(upstream)),
    numberCell(html`<span class="label">routes </span>${grouped(routes)}`),
  ]);
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

export function endpointUrl({ host, port, socketPath }: Omit<PlannedEndpoint, "weight">): string {
  if (socketPath !== "") return `unix:${socketPath}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
