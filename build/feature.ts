/**
 * The contract between the compiler and a feature: `defineFeature`.
 *
 * A feature is one folder, `src/features/<name>/`, with `feature.ts` (this contract, build time only) and
 * `runtime.ts` (the functions that run on the device). The compiler discovers folders and names none of them.
 * For every route the compiler asks `use`; the answer says which functions of `runtime.ts` run in which phase of
 * that route's requests, with which data, and what else of the route's shape follows from it.
 *
 * What observes rather than routes (logs, metrics, health) is asked for once, under `observability`: `useProgram` says
 * what then happens to every request, what starts with the program, and which pages an admin listener has.
 */
import type { ZodType } from "zod";

/** Where a feature stands among the features of one phase; ties are broken by name. */
export const STAGES = ["admit", "authenticate", "authorize", "rewrite", "encode", "observe"] as const;
export type Stage = (typeof STAGES)[number];

/**
 * The points in a request's life where a feature's function can be called. Signatures of the device functions, `data`
 * being what `use` gave for that route:
 *
 * - `arrive(x, data): void`: the request's head is read; whether it is taken or refused shows later, so `x.route` may be
 *   negative. For all but the requests that are refused because too many are in flight.
 * - `request(x, data): number`: before an upstream is chosen; 0 to go on, a reply or fault number to answer with.
 * - `upstreamRequest(x, out, at, data): number`: append fields to the request head; the offset after them.
 * - `responseHead(x, out, at, data): number`: append fields to the answer's head; the offset after them.
 * - `refusalHead(x, out, at, data): number`: the same for the gateway's own answers (`x.route` as with `arrive`).
 * - `upstreamError(x, fault, data): void`: an upstream failed the request, which may be tried again; the number is that
 *   of src/core/fault.ts.
 * - `done(x, data): void`: the exchange is over, whatever its end; `x.record` says what became of it. Once for every
 *   request whose head was read, also where no route took it (`x.route` is negative then).
 */
export const PHASES = [
  "arrive",
  "request",
  "upstreamRequest",
  "responseHead",
  "refusalHead",
  "upstreamError",
  "done",
] as const;
export type Phase = (typeof PHASES)[number];

/** A text with placeholders such as `{client.ip}`; becomes a function `(x, out, at) => at` in the generated code. */
export interface Template {
  readonly kind: "template";
  readonly text: string;
}

/** A fixed answer, encoded at build; becomes its number in the generated code, which `request` returns to answer. */
export interface ReplyValue {
  readonly kind: "reply";
  readonly status: number;
  /** Field lines in order, names and values as they go out; no Content-Length, no Date. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** A request field, whose values the core then keeps; becomes its number in the generated code, see src/core/taken.ts. */
export interface FieldValue {
  readonly kind: "field";
  /** In lower case. */
  readonly name: string;
}

/** What a route's data may be made of; emitted as a literal. */
export type Value =
  | null
  | boolean
  | number
  | string
  | Template
  | ReplyValue
  | FieldValue
  | readonly Value[]
  | { readonly [key: string]: Value };

/** What one feature does on one route. */
export interface RouteUse {
  /** For each phase the name of an exported function of `runtime.ts`, and that route's data for it. */
  readonly phases: Readonly<Partial<Record<Phase, { readonly fn: string; readonly data: Value }>>>;
  /** Client request fields not forwarded on this route, because the feature sets or removes them (lower case). */
  readonly dropRequestFields?: readonly string[];
  /** Upstream answer fields not passed on, likewise (lower case). */
  readonly dropResponseFields?: readonly string[];
  /** The route is answered by the feature itself: it needs no upstream, and may name none. */
  readonly answers?: boolean;
  /**
   * Most bytes the feature can add to a request head or an answer's head on this route; a template stands for the most
   * it can become, which depends on the device's limits.
   */
  readonly requestHeadBytes?: number | Template;
  readonly responseHeadBytes?: number | Template;
}

/** What a feature does for the whole program. */
export interface ProgramUse {
  /** On every route; its `arrive`, `refusalHead`, `upstreamError` and `done` also where no route took the request. */
  readonly requests?: RouteUse;
  /** Called once, when the listeners are open: `start(data): void`. */
  readonly start?: { readonly fn: string; readonly data: Value };
  /** Called once, when the drain begins: `stop(data): void`; to write out what is buffered. */
  readonly stop?: { readonly fn: string; readonly data: Value };
  /** Answered on admin listeners: `page(request: AdminRequest, data): AdminAnswer` of src/core/admin.ts. */
  readonly pages?: readonly ProgramPage[];
  /**
   * Listeners that it tells apart, with `cameBy` of src/core/arrival.ts, and where below `observability` their names
   * stand. Names that are wrong are reported there.
   */
  readonly listeners?: { readonly path: readonly (string | number)[]; readonly names: readonly string[] };
  readonly tables?: readonly FeatureTable[];
  /** Files that it holds open at most. */
  readonly descriptors?: number;
  /** Folders on the device that it writes files into. */
  readonly writes?: readonly string[];
}

export interface ProgramPage {
  /** A listener of the target, which thereby serves such pages and no route. */
  readonly listener: string;
  /** "/metrics" */
  readonly path: string;
  readonly fn: string;
  readonly data: Value;
}

/** The program as features see it. */
export interface ProgramView {
  readonly name: string;
  readonly target: "linux-x64" | "linux-arm64";
  /** Systemd runs it, as the target's `service` says. */
  readonly isService: boolean;
  /** In file order, as their numbers on the device are. */
  readonly routes: readonly { readonly name: string; readonly path: string; readonly upstream: string | undefined }[];
  readonly upstreams: readonly { readonly name: string; readonly endpoints: readonly string[] }[];
  /** Of the target, admin listeners included. */
  readonly listeners: readonly string[];
  /** Requests in flight at once: numbers of exchanges are below it. */
  readonly exchangesMax: number;
}

/** A route as features see it: the core's part of the language, defaults already merged. */
export interface RouteView {
  readonly name: string;
  /** `/a` and `/a/{id}` are exact or a template, `/a/*` is a prefix; of a path_regex the prefix that its paths share. */
  readonly path: string;
  readonly pathKind: "exact" | "template" | "prefix";
  readonly methods: readonly string[] | undefined;
  readonly hosts: readonly string[] | undefined;
  readonly upstream: string | undefined;
  /** Fields that are set on every route anyway, in lower case, and the key that says so: "observability.request_id". */
  readonly fieldsSet?: Readonly<Record<"request" | "response", ReadonlyMap<string, string>>>;
}

/** Reports a mistake at `path` below the route's value of one of the feature's keys, e.g. `["rewrite", "strip_prefix"]`. */
export type Problem = (code: string, path: readonly (string | number)[], message: string) => void;

/** One table of a feature at its largest. */
export interface FeatureTable {
  /** "keys", "fixed answers" */
  readonly name: string;
  readonly bytes: number;
  /** In words and numbers: "4096 keys × 96 B". */
  readonly formula: string;
  /** JavaScript objects, strings and Maps are in V8's heap, whose limit is raised by it; Buffers are not. */
  readonly isInHeap: boolean;
}

export interface Feature<Keys extends Readonly<Record<string, ZodType>> = Readonly<Record<string, ZodType>>> {
  /** Same as the folder's name. */
  readonly name: string;
  readonly stage: Stage;
  /** One line for the report and for `--help`. */
  readonly summary: string;
  /** Keys the feature adds to a route, each with a zod schema without transforms and with a description. */
  readonly routeKeys: Keys;
  /** Which of these keys may stand under `defaults` too; a route's own value replaces it, or merges if `mergeDefaults`. */
  readonly defaultKeys?: readonly (keyof Keys & string)[];
  /** Joins the value under `defaults` and the route's own; without it the route's replaces the default. */
  readonly mergeDefaults?: (key: string, fallback: unknown, own: unknown) => unknown;
  /** Stable codes of the mistakes `check` can report, with one line each; joined into the compiler's table. */
  readonly codes?: Readonly<Record<string, string>>;
  /** Mistakes a schema cannot see. Called once for every route that has one of the keys. */
  readonly check?: (values: Readonly<Record<string, unknown>>, route: RouteView, problem: Problem) => void;
  /** What the feature does on this route, or undefined for nothing. Called only with values that passed `check`. */
  readonly use: (values: Readonly<Record<string, unknown>>, route: RouteView) => RouteUse | undefined;
  /** What its tables take at their largest, from what `use` gave for all routes; left out: nothing. */
  readonly memory?: (uses: readonly RouteUse[]) => readonly FeatureTable[];
  /** Keys the feature adds to `observability`, with a description each; not together with `routeKeys` that say the same. */
  readonly programKeys?: Readonly<Record<string, ZodType>>;
  /** As `check`, with paths below `observability`. Called if one of the keys is there. */
  readonly checkProgram?: (values: Readonly<Record<string, unknown>>, program: ProgramView, problem: Problem) => void;
  /** Called only with values that passed `checkProgram`. */
  readonly useProgram?: (values: Readonly<Record<string, unknown>>, program: ProgramView) => ProgramUse | undefined;
}

/** Identity, for its types: `export default defineFeature({ … })` in every `feature.ts`. */
export function defineFeature<Keys extends Readonly<Record<string, ZodType>>>(feature: Feature<Keys>): Feature<Keys> {
  return feature;
}

export function template(text: string): Template {
  return { kind: "template", text };
}

/** @param name in lower case */
export function field(name: string): FieldValue {
  return { kind: "field", name };
}
