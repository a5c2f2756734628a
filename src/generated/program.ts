/** Stand-in for the generated program: what features do as it starts and stops, and their pages on admin listeners. */
import type { AdminListener } from "../core/admin.ts";

export function startFeatures(): void {}
export function stopFeatures(): void {}
export const adminListeners: readonly AdminListener[] = [];
