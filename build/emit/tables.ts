/** Emits tables.ts: listeners, upstreams, and the numbers of each route. */
import type { Plan, PlannedRoute } from "../plan.ts";
import { emitTypedArray, literal, type Text } from "./text.ts";

/** Fits a column, and is more than any request can reach. */
const NO_LIMIT = 0xffff_ffff;

export function emitTables(out: Text, plan: Plan): void {
  emitShapes(out);
  out.line();
  out.line(`export const name: string = ${literal(plan.name)};`);
  out.line(`export const target: string = ${literal(plan.target)};`).line();
  emitList(out, "credentialNames", "string", plan.credentials, (name) => out.line(`${literal(name)},`));
  emitList(out, "listeners", "Listener", plan.listeners, ({ name, host, port }) => {
    out.line(`{ name: ${literal(name)}, host: ${literal(host)}, port: ${port} },`);
  });
  emitList(out, "upstreams", "Upstream", plan.upstreams, (upstream) => {
    out.block(
      "{",
      () => {
        out.line(`name: ${literal(upstream.name)},`);
        out.block(
          "endpoints: [",
          () => {
            for (const { host, port, socketPath, weight } of upstream.endpoints) {
              const address = `host: ${literal(host)}, port: ${port}, socketPath: ${literal(socketPath)}`;
              out.line(`{ ${address}, weight: ${weight} },`);
            }
          },
          "],",
        );
        out.line(`connectionsMax: ${upstream.connectionsMax},`);
        out.line(`connectionsIdleMax: ${upstream.connectionsIdleMax},`);
        out.line(`connectionsIdleMs: ${upstream.connectionsIdleMs},`);
        out.line(`waitingMax: ${upstream.waitingMax},`);
        out.line(`pipelining: ${upstream.pipelining},`);
        out.line(`leastRequest: ${upstream.policy === "least_request"},`);
      },
      "},",
    );
  });
  out.line();
  emitList(out, "routeNames", "string", plan.routes, (route) => {
    out.comment(`${route.source}: ${route.path.text}`);
    out.line(`${literal(route.name)},`);
  });
  const column = (name: string, type: string, of: (route: PlannedRoute) => number) =>
    emitTypedArray(out, true, name, type, plan.routes.map(of));
  column("routeUpstream", "Int32Array", (route) => route.upstream);
  column("routeConnectMs", "Uint32Array", (route) => route.connectMs);
  column("routeQueueMs", "Uint32Array", (route) => route.queueMs);
  column("routeResponseHeaderMs", "Uint32Array", (route) => route.responseHeaderMs);
  column("routeRequestMs", "Uint32Array", (route) => route.requestMs);
  column("routeIdleMs", "Uint32Array", (route) => route.idleMs);
  column("routeBodyBytesMax", "Float64Array", (route) => route.bodyBytesMax);
  column("routeUriBytesMax", "Uint32Array", (route) => route.uriBytesMax ?? NO_LIMIT);
  column("routeFieldsMax", "Uint32Array", (route) => route.fieldsMax ?? NO_LIMIT);
  column("routeInFlightMax", "Uint32Array", (route) => route.inFlightMax ?? NO_LIMIT);
}

function emitShapes(out: Text): void {
  const shape = (name: string, fields: readonly string[]) =>
    out.block(`export interface ${name} {`, () => {
      for (const field of fields) out.line(`readonly ${field};`);
    });
  shape("Listener", ["name: string", "host: string", "port: number"]);
  shape("Endpoint", ["host: string", "port: number", "socketPath: string", "weight: number"]);
  shape("Upstream", [
    "name: string",
    "endpoints: readonly Endpoint[]",
    "connectionsMax: number",
    "connectionsIdleMax: number",
    "connectionsIdleMs: number",
    "waitingMax: number",
    "pipelining: number",
    "leastRequest: boolean",
  ]);
}

function emitList<T>(out: Text, name: string, type: string, entries: readonly T[], emit: (entry: T) => void): void {
  out.block(
    `export const ${name}: readonly ${type}[] = [`,
    () => {
      for (const entry of entries) emit(entry);
    },
    "];",
  );
}
