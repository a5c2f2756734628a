/** The report's route map read as a person does: from the top, the first row that fits. */
import type { Plan } from "../build/plan.ts";
import { isDecidedByHost } from "../build/report-page/hosts.ts";
import { choicesOf, classesOf } from "../build/report-page/match-order.ts";
import { matchNaively, type NaiveRequest } from "./naive-matcher.ts";

/** The route's number, -1 if none fits. */
export function firstListed(plan: Plan, request: NaiveRequest): number {
  for (const pattern of classesOf(plan.routes).flatMap(({ patterns }) => patterns)) {
    for (const { number, route, hosts } of choicesOf(pattern, isDecidedByHost(pattern))) {
      const alone: Plan = { ...plan, routes: [{ ...route, hosts }] };
      if (matchNaively(alone, request).route === 0) return number;
    }
  }
  return -1;
}
