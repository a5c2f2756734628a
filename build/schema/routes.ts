/**
 * The routes file's schema: the core of the language, with the keys of the features that were found put in beside it.
 * No node transforms and every node says what it is for, so that all of it survives export to JSON Schema.
 */
import { type ZodType, z } from "zod";
import type { Feature } from "../feature.ts";
import { METHOD_BITS } from "../plan.ts";
import { fieldConditions, queryConditions } from "./conditions.ts";
import { expectations, type Hint, impossible } from "./expect.ts";
import { testSchema } from "./tests.ts";
import { duration, size, sizeBetween } from "./units.ts";

/** What uWebSockets.js takes; two more are its own. */
const FIELDS_MAX = 98;

/** Names go into generated code, logs and file names. */
export function name(description: string) {
  return z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
    .meta({ description, examples: ["pump-1"] })
    .register(expectations, {
      expected: "a name such as pump-1 (lower-case letters, digits and hyphens, at most 63)",
      hint: hintName,
    });
}

function hintName(found: unknown): Hint | undefined {
  if (typeof found !== "string") return undefined;
  const near = found
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 63);
  return { code: "HW1107", advice: near === "" ? "choose a name" : `write ${near}` };
}

/** Of every client connection, whatever its route. */
export const CLIENT_IDLE = "uWebSockets.js closes a client's idle connection after 10 s, which no setting changes";

function timeouts(description: string) {
  return z
    .strictObject({
      connect: duration("Longest time to open a connection to an endpoint.").optional(),
      queue: duration("Longest wait for a free connection, then 503 with Retry-After.").optional(),
      response_header: duration("Longest time from the request's end to the answer's complete head.").optional(),
      request: duration("Longest time of a whole exchange, bodies included.").optional(),
      idle: duration("Longest pause between body bytes, in either direction.").optional(),
    })
    .register(impossible, { client_idle: CLIENT_IDLE })
    .describe(description);
}

function limits(description: string) {
  return z
    .strictObject({
      body: size("Largest request body; a larger one is answered 413.").optional(),
      uri: sizeBetween("16B", "16KiB", "Longest path and query together; longer ones are answered 414.").optional(),
      headers: z
        .int()
        .min(1)
        .max(FIELDS_MAX)
        .describe("Most fields of a request; with more it is answered 431.")
        .register(expectations, {
          expected: `a number of fields from 1 to ${FIELDS_MAX}, since uWebSockets.js itself refuses more`,
        })
        .optional(),
      in_flight: z
        .int()
        .min(1)
        .max(65535)
        .describe("Most requests in flight at once on each route; the next one is answered 503.")
        .optional(),
    })
    .register(impossible, {
      header_bytes: "a request's head is read before its route is known; set limits.header_bytes in the target file",
    })
    .describe(description);
}

function hosts(description: string) {
  return z
    .array(
      z
        .string()
        .max(255)
        .describe('A host name or a literal address, without port; "*.example.net" is every name below example.net.'),
    )
    .min(1)
    .describe(description);
}

const endpoint = z
  .strictObject({
    url: z
      .string()
      .meta({
        description: "Where the endpoint listens: http://host, http://host:port, or unix:/path of a socket.",
        // For editors only: what is wrong with a URL is said better by analyse/endpoints.ts.
        pattern: "^(http://[^/?#@\\s]+|unix:/.+)$",
        examples: ["http://127.0.0.1:3000", "unix:/run/plc/http.sock"],
      })
      .register(expectations, { expected: 'a URL such as "http://127.0.0.1:3000" or "unix:/run/plc/http.sock"' }),
    weight: z
      .int()
      .min(1)
      .max(256)
      .describe("Share of the requests among the upstream's endpoints; left out, 1.")
      .optional(),
  })
  .describe("One server of an upstream.");

const upstream = z
  .strictObject({
    endpoints: z.array(endpoint).min(1).max(64).describe("The servers of this upstream."),
    lb_policy: z
      .enum(["round_robin", "least_request"])
      .describe("Which endpoint is next: in turn, or the one with the fewest requests in flight for its weight.")
      .optional(),
    pipelining: z
      .int()
      .min(2)
      .max(64)
      .describe(
        "Most GET, HEAD and OPTIONS requests on one connection at once; left out, one. The servers must take it.",
      )
      .optional(),
    connections: z
      .strictObject({
        max: z
          .int()
          .min(1)
          .max(65535)
          .describe("Most connections to each endpoint; further requests wait or are answered 503.")
          .optional(),
        max_idle: z
          .int()
          .min(0)
          .max(65535)
          .describe("Most connections kept open to each endpoint while unused.")
          .optional(),
        max_waiting: z
          .int()
          .min(0)
          .max(65535)
          .describe("Most requests that wait for a connection; the next one is answered 503.")
          .optional(),
        idle_timeout: duration("How long an unused connection is kept.").optional(),
      })
      .describe("The connections to the endpoints, and who waits for one.")
      .optional(),
    timeouts: timeouts("Timeouts of all routes to this upstream; a route's own go first.").optional(),
    allow_unused: z.boolean().describe("Keep this upstream although no route names it.").optional(),
  })
  .describe("Servers that answer alike.");

/** Also of a route that has neither `path` nor `path_regex`, which the schema cannot say. */
export const PATH_EXPECTED = 'a path such as "/v1/devices/{id}" or "/files/*"';

const match = z
  .strictObject({
    path: z
      .string()
      .max(1024)
      .meta({
        description: '"/a" is that path, "/a/{id}" a template, "/a/*" a prefix.',
        // For editors only, as with URLs.
        pattern: "^/",
        examples: ["/v1/telemetry", "/v1/devices/{id}", "/files/*"],
      })
      .register(expectations, { expected: PATH_EXPECTED })
      .optional(),
    path_regex: z
      .string()
      .max(1024)
      .meta({
        description: "A regular expression that the whole path fits, for what no path says; matched in linear time.",
        // For editors only: what is wrong with a pattern is said better by analyse/paths.ts.
        pattern: "^[^^]",
        examples: ["/v[0-9]+/status", "/plc/(read|write)/[a-z]+"],
      })
      .optional(),
    methods: z
      .array(z.enum(Object.keys(METHOD_BITS)).describe("A method in capitals; GET includes HEAD."))
      .min(1)
      .describe("Methods the route takes; left out, all.")
      .optional(),
    headers: fieldConditions.optional(),
    query: queryConditions.optional(),
  })
  .describe("Which requests the route takes.");

export function routesSchema(features: readonly Feature[]) {
  const routeKeys: Record<string, ZodType> = {};
  const defaultKeys: Record<string, ZodType> = {};
  const programKeys: Record<string, ZodType> = {};
  for (const feature of features) {
    for (const [key, schema] of Object.entries(feature.programKeys ?? {})) programKeys[key] = schema.optional();
    for (const [key, schema] of Object.entries(feature.routeKeys)) routeKeys[key] = schema.optional();
    for (const key of feature.defaultKeys ?? []) defaultKeys[key] = routeKeys[key]!;
  }
  const route = z
    .strictObject({
      name: name("The route's name, in logs and reports."),
      match,
      hosts: hosts("Hosts the route answers; left out, those of defaults, else any host.").optional(),
      listeners: z
        .array(z.string().describe("A listener's name in the target file."))
        .min(1)
        .describe("Listeners the route is on; left out, all of the target's.")
        .optional(),
      upstream: z.string().describe("Name of the upstream that answers.").optional(),
      timeouts: timeouts("Timeouts of this route.").optional(),
      limits: limits("Limits of this route.").optional(),
      ...routeKeys,
    })
    .describe("What happens to some of the requests.");
  return z
    .strictObject({
      version: z.literal(1).describe("Version of the language.").register(expectations, { expected: "version 1" }),
      name: name("The gateway's name."),
      defaults: z
        .strictObject({
          hosts: hosts("Hosts of routes that name none.").optional(),
          timeouts: timeouts("Timeouts of routes and upstreams that set none.").optional(),
          limits: limits("Limits of routes that set none.").optional(),
          ...defaultKeys,
        })
        .describe("Values for all routes that do not set their own.")
        .optional(),
      upstreams: z.record(name("An upstream's name."), upstream).describe("The upstreams by name.").optional(),
      routes: z.array(route).min(1).describe("The routes; their order has no meaning."),
      observability: z
        .strictObject(programKeys)
        .describe("What the program tells of its work; each is in the program only if it is here.")
        .optional(),
      tests: z.array(testSchema).min(1).describe("Requests, and what must become of each; run at build.").optional(),
    })
    .describe("A hardwire routes file.");
}

/** The core's keys; those of features are checked by their own schemas and reached by name. */
export type RoutesFile = z.infer<ReturnType<typeof routesSchema>>;
export type RouteEntry = RoutesFile["routes"][number];
export type UpstreamEntry = z.infer<typeof upstream>;
export type Timeouts = z.infer<ReturnType<typeof timeouts>>;
