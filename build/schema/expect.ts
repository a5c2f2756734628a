/**
 * What a schema node expects, in words an engineer can act on. Kept beside the schema in a registry of its own, so
 * that nodes stay plain zod and export to JSON Schema unchanged. A node without an entry still gets a fair message
 * from its type.
 */
import { z } from "zod";

export interface Expectation {
  /** Follows "expected": `a duration such as 5s or 250ms`. */
  readonly expected: string;
  /** A more precise complaint about this value: its code, and what to write instead. */
  readonly hint?: (found: unknown) => Hint | undefined;
}
export interface Hint {
  readonly code?: string;
  readonly advice: string;
}

export const expectations = z.registry<Expectation>();

/** Keys that a mapping cannot have though one would look for them there: what the core cannot honour, and why. */
export const impossible = z.registry<Readonly<Record<string, string>>>();
