/** The manifest that lies in every executable: what was built, from what. It holds no secrets and no machine's paths. */
import { createHash } from "node:crypto";
import type { Bundle } from "./bundle.ts";
import type { Design } from "./compile.ts";
import { NODE_VERSION } from "./pins.ts";
import { VERSION } from "./version.ts";

export function makeManifest({ plan, floor, routes, target }: Design, bundled: Bundle): object {
  return {
    hardwire: VERSION,
    name: plan.name,
    target: plan.target,
    node: NODE_VERSION,
    glibc: floor,
    routes: plan.routes.map(({ name }) => name),
    upstreams: plan.upstreams.map(({ name }) => name),
    listeners: plan.listeners.map(({ name, host, port }) => ({ name, host, port })),
    features: plan.features.map(({ name }) => name),
    sha256: { routes: sha256(routes.source.text), target: sha256(target.source.text), bundle: bundled.sha256 },
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
