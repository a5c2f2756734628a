/**
 * The plan: the readonly intermediate form between checking and emitting. No text, no zod, no positions: numbers are
 * in their units, names are resolved to indexes, defaults are merged. Every later step is a function of it.
 */
import type { FeatureTable, ProgramUse, RouteUse } from "./feature.ts";

export interface Plan {
  readonly name: string;
  readonly target: "linux-x64" | "linux-arm64";
  readonly listeners: readonly PlannedListener[];
  /** Listeners of the features' pages; no route is on them. */
  readonly adminListeners: readonly PlannedAdminListener[];
  readonly upstreams: readonly PlannedUpstream[];
  /** In file order; a route's index is its number on the device. */
  readonly routes: readonly PlannedRoute[];
  readonly limits: PlannedLimits;
  readonly memory: PlannedMemory;
  /** Undefined where no service manager runs the executable. */
  readonly service: PlannedService | undefined;
  /** Undefined where the executable does not exchange itself. */
  readonly update: PlannedUpdate | undefined;
  /** Names of the credentials that the program reads when it runs, each once. */
  readonly credentials: readonly string[];
  /** Features in use, in stage order, ties by name. */
  readonly features: readonly PlannedFeature[];
  /** What features do for the whole program, by their names. */
  readonly program: ReadonlyMap<string, ProgramUse>;
  /** `observability` as written, for people. */
  readonly observability: Readonly<Record<string, unknown>>;
  /** In file order. */
  readonly tests: readonly PlannedTest[];
  /** The features' tables on the device, named "feature: table". */
  readonly tables: readonly FeatureTable[];
}

export interface PlannedListener {
  readonly name: string;
  /** Literal address without brackets: "127.0.0.1", "::1", "0.0.0.0". */
  readonly host: string;
  readonly port: number;
}

export interface PlannedAdminListener extends PlannedListener {
  /** Path of a unix socket, else ""; host and port are "" and 0 with one. */
  readonly socketPath: string;
}

export interface PlannedUpstream {
  readonly name: string;
  readonly endpoints: readonly PlannedEndpoint[];
  readonly connectionsMax: number;
  readonly connectionsIdleMax: number;
  readonly connectionsIdleMs: number;
  /** Requests that may wait for a connection at once; the next one is answered 503. */
  readonly waitingMax: number;
  /** Safe requests that may be on one connection at once; 1 for no pipelining. */
  readonly pipelining: number;
  readonly policy: "round_robin" | "least_request";
}

export interface PlannedEndpoint {
  /** Name or literal address without brackets; "" with a unix socket. */
  readonly host: string;
  /** 0 with a unix socket. */
  readonly port: number;
  /** Path of a unix socket, else "". */
  readonly socketPath: string;
  /** Share of the requests among the upstream's endpoints, at least 1. */
  readonly weight: number;
}

/** Which requests a route takes: all of these hold. */
export interface RouteMatch {
  /** Indexes into the plan's `listeners`; undefined for any. */
  readonly listeners: readonly number[] | undefined;
  /** Lower case, no port, "*.a.test" for every name below a.test; undefined for any host. */
  readonly hosts: readonly string[] | undefined;
  readonly path: PathPattern;
  /** Bits of METHOD_BITS, HEAD included where GET is; undefined for any method. */
  readonly methods: number | undefined;
  /** On the fields and the query, at most one for each name; fields first, then by name. */
  readonly conditions: readonly Condition[];
}

export interface Condition {
  readonly on: "field" | "parameter";
  /** A field's in lower case; a parameter's as it is once decoded. */
  readonly name: string;
  readonly test: "exact" | "prefix" | "present" | "absent";
  /** "" with `present` and `absent`, else never. */
  readonly value: string;
}

export interface PlannedRoute extends RouteMatch {
  readonly name: string;
  /** Index into `upstreams`, or -1 where a feature answers. */
  readonly upstream: number;
  readonly connectMs: number;
  /** Longest wait for a free connection. */
  readonly queueMs: number;
  readonly responseHeaderMs: number;
  readonly requestMs: number;
  /** Longest pause between body bytes in either direction. */
  readonly idleMs: number;
  readonly bodyBytesMax: number;
  /** Path and query, number of fields, requests at once; undefined where only the device's limits hold. */
  readonly uriBytesMax: number | undefined;
  readonly fieldsMax: number | undefined;
  readonly inFlightMax: number | undefined;
  /** By feature name. */
  readonly uses: ReadonlyMap<string, RouteUse>;
  /** "routes/pump.yaml:31", for comments in generated code and for people. */
  readonly source: string;
  /** The keys of these features with their values as written, defaults merged: for people, see manifest/describe.ts. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface PathPattern {
  /** As written. */
  readonly text: string;
  readonly kind: "exact" | "template" | "prefix" | "regex";
  /**
   * Between slashes, percent-encoding normalised: a literal, or a template's variable. A prefix ends before its `*`;
   * none for `path_regex`, of which `text` says all.
   */
  readonly segments: readonly PathSegment[];
}

export type PathSegment = { readonly literal: string } | { readonly variable: string };

export interface PlannedLimits {
  /** Client connections open at once, over all listeners. */
  readonly connectionsMax: number;
  /** File descriptors that the device grants; undefined if it does not say. */
  readonly descriptorsMax: number | undefined;
  /** Requests in flight at once, over all listeners. */
  readonly exchangesMax: number;
  /** Client request head, as uWebSockets.js counts it. */
  readonly clientHeadBytesMax: number;
  /** Path and query of a client's request together, without the question mark; at most clientHeadBytesMax. */
  readonly targetBytesMax: number;
  /** Upstream answer head, status line and fields. */
  readonly responseHeadBytesMax: number;
  /** One read of an upstream; see budget/fit.ts. */
  readonly readBytes: number;
  /** Largest time a drain may take after SIGTERM. */
  readonly drainMs: number;
}

/** What the target says of memory; undefined where it says nothing. */
export interface PlannedMemory {
  readonly budgetBytes: number | undefined;
  /** V8's heap, whole. */
  readonly heapMib: number | undefined;
}

/** How systemd runs the executable; it is the only manager so far. */
export interface PlannedService {
  /** Of the device; undefined for one that exists while the service runs. */
  readonly user: string | undefined;
  /** Longest time without a sign of life; undefined where nobody watches. */
  readonly watchdogMs: number | undefined;
  /** The folder on the device that has a file for each credential. */
  readonly credentials: { readonly from: string; readonly areEncrypted: boolean } | undefined;
}

/** What a build on trial must reach to take over. */
export interface PlannedUpdate {
  /** Until it serves. */
  readonly readyMs: number;
  readonly probationMs: number;
  /** Of its answers that may fail; of 1. */
  readonly errorShareMax: number;
  /** Undefined where time is no reason. */
  readonly p99Ms: number | undefined;
  /** With fewer answers there is no judgement. */
  readonly requestsMin: number;
}

export interface PlannedFeature {
  readonly name: string;
  /** Relative to the repository: "src/features/rewrite". */
  readonly folder: string;
}

/** A request, and what must become of it; `RouteTest` of src/core/route-test.ts, which judges it. */
export interface PlannedTest {
  /** "routes/pump.yaml:71" */
  readonly source: string;
  /** Index into the plan's `listeners`. */
  readonly listener: number;
  readonly method: string;
  readonly host: string;
  /** Path and query as sent. */
  readonly target: string;
  /** Besides Host. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** What is left out may be anything. */
  readonly expect: {
    readonly route?: string | undefined;
    readonly upstream?: string | undefined;
    /** Path and query as the upstream sees them. */
    readonly path?: string | undefined;
    /** By name as written; null for a field that must not be there. */
    readonly request_headers?: Readonly<Record<string, string | null>> | undefined;
    readonly response_headers?: Readonly<Record<string, string | null>> | undefined;
    readonly status?: number | undefined;
    readonly allow?: readonly string[] | undefined;
  };
}

/** The bit of each method in `PlannedRoute.methods`; any other token is METHOD_OTHER, which no route can name. */
export const METHOD_BITS: Readonly<Record<string, number>> = {
  GET: 1,
  HEAD: 2,
  POST: 4,
  PUT: 8,
  DELETE: 16,
  PATCH: 32,
  OPTIONS: 64,
};
export const METHOD_OTHER = 128;
