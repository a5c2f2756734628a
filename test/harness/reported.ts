/** A gateway with something for each section of the report, and with texts that would be markup if they could. */
import { HOST_TARGET } from "./device.ts";

const at = (address: string) => ({ endpoints: [{ url: `http://${address}` }] });

export const REPORTED = {
  version: 1,
  name: "reported",
  defaults: {
    hosts: ["gw.local", "*.plant.example.net"],
    timeouts: { connect: "1s", response_header: "5s", request: "10s", idle: "10s" },
    limits: { body: "256KiB" },
    request_headers: { set: { "X-Request-Id": "{request.id}" } },
  },
  upstreams: {
    api: {
      endpoints: [{ url: "http://10.0.0.5:8080", weight: 3 }, { url: "unix:/run/api.sock" }],
      connections: { max: 16, max_waiting: 32 },
      lb_policy: "least_request",
    },
    public: at("93.184.216.34:80"),
    spare: { ...at("10.0.0.9:8080"), allow_unused: true },
  },
  routes: [
    { name: "device", match: { path: "/v1/devices/{id}", methods: ["GET"] }, upstream: "api" },
    {
      name: "device-json",
      match: { path: "/v1/devices/{id}", methods: ["GET"], headers: { Accept: "application/json" } },
      upstream: "api",
    },
    { name: "device-by-version", match: { path: "/{version}/devices/{id}" }, upstream: "api" },
    { name: "ingest", match: { path: "/v1/telemetry", methods: ["POST"] }, upstream: "public" },
    {
      name: "files",
      match: { path: "/files/*" },
      upstream: "api",
      rewrite: { strip_prefix: "/files" },
      response_headers: { set: { "Cache-Control": "no-store" }, remove: ["Server"] },
    },
    { name: "deep-files", match: { path: "/files/deep/*", methods: ["GET"] }, upstream: "api" },
    { name: "rest", match: { path: "/*", methods: ["POST"] }, upstream: "api" },
    { name: "pattern", match: { path_regex: "/v[0-9]+/(a|b)", methods: ["GET"] }, upstream: "api" },
    {
      name: "ping",
      match: { path: "/ping" },
      hosts: ["gw.local"],
      respond: { status: 200, body: "<script>alert(1)</script> right\u202eto left\n" },
    },
    {
      name: "hostile",
      match: {
        path: "/v1/hostile",
        headers: { "X-Page": "<img src=x onerror=alert(2)>" },
        query: { q: '"><svg/onload=alert(3)>' },
      },
      upstream: "api",
      request_headers: { set: { "X-Note": "</code><script>alert(4)</script>" } },
    },
  ],
  observability: { health: {}, trace: { propagate: "w3c", trust: ["public"] } },
  tests: [
    { request: "GET gw.local/v1/devices/7", expect: { route: "device", upstream: "api" } },
    { request: "POST gw.local/ping", expect: { status: 200 } },
  ],
} as const;

export const REPORTED_TARGET = {
  target: HOST_TARGET,
  listeners: { public: { address: "127.0.0.1:8080" }, admin: { address: "[::1]:9464" } },
  memory: { budget: "128MiB" },
  limits: { connections: 256, in_flight: 128, descriptors: 1024 },
} as const;
