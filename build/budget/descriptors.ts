/** Most file descriptors that a plan's executable can have open: what LimitNOFILE= has to grant. */
import { isIP } from "node:net";
import type { Plan } from "../plan.ts";
import { ADMIN_CONNECTIONS_MAX } from "../schema/defaults.ts";
import { connectionsTo, describeConnections } from "./counts.ts";
import { BASE_DESCRIPTORS, RESOLVING_DESCRIPTORS, SERVICE_DESCRIPTORS, UPDATE_DESCRIPTORS } from "./measured.ts";
import { type Budget, budgetOf, type Term } from "./term.ts";

export function descriptorBudget(plan: Plan): Budget {
  const { connectionsMax, descriptorsMax } = plan.limits;
  const names = plan.upstreams
    .flatMap(({ endpoints }) => endpoints)
    .filter(({ host }) => host !== "" && isIP(host) === 0);
  const terms: Term[] = [
    { name: "runtime", amount: BASE_DESCRIPTORS, formula: "standard streams, poll sets, wake-ups, threads; measured" },
    { name: "listeners", amount: plan.listeners.length, formula: plan.listeners.map(({ name }) => name).join(", ") },
    {
      name: "admin listeners",
      amount: plan.adminListeners.length * (1 + ADMIN_CONNECTIONS_MAX + 1),
      formula: `${plan.adminListeners.map(({ name }) => name).join(", ")}: each, ${ADMIN_CONNECTIONS_MAX} connections, and the one that is refused`,
    },
    {
      name: "features' files",
      amount: [...plan.program.values()].reduce((sum, { descriptors = 0 }) => sum + descriptors, 0),
      formula: "what features hold open",
    },
    {
      name: "client connections",
      amount: connectionsMax + 1,
      formula: `${connectionsMax}, and the one that is refused`,
      setting: "limits.connections",
    },
    {
      name: "upstream connections",
      amount: connectionsTo(plan.upstreams),
      formula: describeConnections(plan.upstreams),
      setting: "upstreams.*.connections.max",
    },
    {
      name: "signs of life",
      amount: plan.service === undefined ? 0 : SERVICE_DESCRIPTORS,
      formula: "a request to itself, and a program that tells systemd of it",
    },
    {
      name: "a build on trial",
      amount: plan.update === undefined ? 0 : UPDATE_DESCRIPTORS,
      formula: "starting it, the channel to it, and what is told of it in a file",
    },
    {
      name: "names being resolved",
      amount: names.length === 0 ? 0 : RESOLVING_DESCRIPTORS,
      formula: "4 threads, a socket and a file each",
    },
  ];
  return budgetOf(terms, descriptorsMax);
}
