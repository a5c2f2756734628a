/** Emits program.ts: what features do for the whole program: as it starts, as it stops, and on admin listeners. */
import type { Value } from "../feature.ts";
import type { Plan, PlannedFeature } from "../plan.ts";
import { Names } from "./names.ts";
import { literal, Text } from "./text.ts";
import { Values } from "./values.ts";

export function emitProgram(out: Text, plan: Plan): void {
  const names = new Names();
  const values = new Values();
  const body = new Text();
  const uses = plan.features.map((feature) => ({ feature, ...plan.program.get(feature.name) }));
  const call = (feature: PlannedFeature, { fn, data }: { fn: string; data: Value }, first = "") =>
    `${names.of(feature, fn)}(${first}${values.expression(data)})`;

  for (const when of ["start", "stop"] as const) {
    body.block(`export function ${when}Features(): void {`, () => {
      for (const { feature, [when]: step } of uses) if (step !== undefined) body.line(`${call(feature, step)};`);
    });
    body.line();
  }
  body.block(
    "export const adminListeners: readonly AdminListener[] = [",
    () => {
      for (const { name, host, port, socketPath } of plan.adminListeners) {
        body.block(
          "{",
          () => {
            body.line(
              `name: ${literal(name)}, host: ${literal(host)}, port: ${port}, socketPath: ${literal(socketPath)},`,
            );
            body.block(
              "pages: [",
              () => {
                for (const { feature, pages = [] } of uses) {
                  for (const page of pages.filter(({ listener }) => listener === name)) {
                    const code = call(feature, page, "request, ");
                    body.line(`{ path: ${literal(page.path)}, answer: (request) => ${code} },`);
                  }
                }
              },
              "],",
            );
          },
          "},",
        );
      }
    },
    "];",
  );

  out.line('import type { AdminListener } from "#core/admin.ts";');
  for (const line of names.imports) out.line(line);
  out.line();
  values.emit(out);
  out.append(body);
}
