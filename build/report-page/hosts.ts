/** Hosts as the route map tells them: those that most routes take are said once. */
import type { Pattern } from "../match/patterns.ts";
import type { PlannedRoute } from "../plan.ts";
import { html, join, type Part } from "./html.ts";

const NAMED = 12;

export class Hosts {
  readonly #routes: readonly PlannedRoute[];
  /** What a row means that names none. */
  readonly #usual: PlannedRoute;

  constructor(routes: readonly PlannedRoute[]) {
    const counts = new Map<string, { count: number; readonly route: PlannedRoute }>();
    for (const route of routes) {
      const entry = counts.get(keyOf(route));
      if (entry === undefined) counts.set(keyOf(route), { count: 1, route });
      else entry.count++;
    }
    this.#routes = routes;
    this.#usual = [...counts.values()].reduce((most, one) => (one.count > most.count ? one : most)).route;
  }

  /** Which hosts there are, and what becomes of a request to another one. */
  render(): Part {
    const differ = this.#routes.some((route) => this.isUnusual(route)) && this.#renderUsual();
    if (this.#routes.some(({ hosts }) => hosts === undefined)) return html`any.${differ}`;
    const all = [...new Set(this.#routes.flatMap(({ hosts }) => hosts ?? []))];
    return html`${showHosts(all)}; any other is answered <code>421</code>.${differ}`;
  }

  #renderUsual(): Part {
    const { hosts } = this.#usual;
    const isAll = this.#routes.every((route) => route.hosts?.every((host) => hosts?.includes(host)));
    return html` A row without a host means ${isAll ? "all of them" : showHosts(hosts)}.`;
  }

  isUnusual(route: PlannedRoute): boolean {
    return keyOf(route) !== keyOf(this.#usual);
  }
}

/** Whether the routes on one path differ in their hosts, so that the host decides between them. */
export function isDecidedByHost({ choices }: Pattern<PlannedRoute>): boolean {
  return choices.some(({ route }) => keyOf(route) !== keyOf(choices[0]!.route));
}

export function showHosts(hosts: readonly string[] | undefined): Part {
  if (hosts === undefined) return "any host";
  const shown = hosts.slice(0, NAMED).map((host) => html`<code>${host}</code>`);
  return html`${join(shown, " ")}${hosts.length > NAMED && html` and ${hosts.length - NAMED} more`}`;
}

function keyOf({ hosts }: PlannedRoute): string {
  return hosts === undefined ? "" : [...hosts].sort().join();
}
