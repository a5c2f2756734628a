/** health: pages for whoever asks whether the process lives, and whether it is of use (`observability.health`). */
import { z } from "zod";
import { defineFeature } from "../../../build/feature.ts";

const health = z
  .strictObject({
    listener: z
      .string()
      .describe('The listener of the target that serves /livez, /readyz and /healthz; left out, "admin".')
      .optional(),
  })
  .describe("Pages that say whether the process lives (/livez) and whether requests to it can succeed (/readyz).");

const PAGES = [
  ["/livez", "tellLife"],
  ["/readyz", "tellReadiness"],
  ["/healthz", "tellReadiness"],
] as const;

export default defineFeature({
  name: "health",
  stage: "observe",
  summary: "pages that say whether the gateway lives and is ready",
  routeKeys: {},
  programKeys: { health },
  use: () => undefined,
  useProgram(values) {
    const { listener = "admin" } = values.health as z.infer<typeof health>;
    return { pages: PAGES.map(([path, fn]) => ({ listener, path, fn, data: null })) };
  },
});
