/** What features are called in generated code. */
import type { PlannedFeature } from "../plan.ts";

/** Names under which features' functions are imported. */
export class Names {
  readonly #taken = new Map<string, string>();
  readonly imports: string[] = [];

  of(feature: PlannedFeature, fn: string): string {
    if (!/^[A-Za-z_$][\w$]*$/.test(fn)) throw new Error(`feature ${feature.name}: "${fn}" cannot be a function's name`);
    if (!/^[a-z][a-z0-9-]*$/.test(feature.name)) throw new Error(`a feature cannot be named "${feature.name}"`);
    const name = `${identifier(feature.name)}_${fn}`;
    if (!this.#taken.has(name)) {
      this.#taken.set(name, feature.name);
      this.imports.push(`import { ${fn} as ${name} } from "#features/${feature.name}/runtime.ts";`);
    }
    return name;
  }
}

export function identifier(featureName: string): string {
  return featureName.replaceAll("-", "_");
}
