/** The one gateway that most end-to-end tests share, so that it is packed once: a route for each kind of behaviour. */
import { ports } from "./ports.ts";

function at(...list: number[]): { endpoints: { url: string }[] } {
  return { endpoints: list.map((port) => ({ url: `http://127.0.0.1:${port}` })) };
}

export const GATEWAY = {
  version: 1,
  name: "edge",
  defaults: { timeouts: { connect: "1s", response_header: "10s", request: "60s", idle: "10s" } },
  upstreams: {
    api: at(ports.origin),
    pair: at(ports.origin, ports.secondOrigin),
    half: at(ports.nobody, ports.origin),
    dead: at(ports.nobody),
    nameless: { endpoints: [{ url: "http://nowhere.invalid" }] },
    hole: at(ports.blackHole),
    narrow: { ...at(ports.origin), connections: { max: 1 } },
    nginx: at(ports.nginx),
  },
  routes: [
    { name: "api", match: { path: "/api/*" }, upstream: "api" },
    { name: "public", match: { path: "/public/*" }, upstream: "api" },
    { name: "upload", match: { path: "/upload/*" }, upstream: "api", limits: { body: "128MiB" } },
    { name: "small", match: { path: "/small", methods: ["POST", "PUT"] }, upstream: "api", limits: { body: "16B" } },
    { name: "thing", match: { path: "/things/{id}", methods: ["GET", "DELETE"] }, upstream: "api" },
    {
      name: "limited",
      match: { path: "/limited/*" },
      upstream: "api",
      limits: { uri: "64B", headers: 8, in_flight: 2 },
    },
    { name: "pair", match: { path: "/pair/*" }, upstream: "pair" },
    { name: "half", match: { path: "/half/*" }, upstream: "half" },
    { name: "dead", match: { path: "/dead/*" }, upstream: "dead" },
    { name: "nameless", match: { path: "/nameless/*" }, upstream: "nameless" },
    { name: "hole", match: { path: "/hole/*" }, upstream: "hole", timeouts: { connect: "300ms" } },
    { name: "narrow", match: { path: "/narrow/*" }, upstream: "narrow", timeouts: { connect: "300ms" } },
    {
      name: "quick",
      match: { path: "/quick/*" },
      upstream: "api",
      timeouts: { connect: "300ms", response_header: "300ms", idle: "400ms" },
    },
    {
      name: "brief",
      match: { path: "/brief/*" },
      upstream: "api",
      timeouts: { connect: "300ms", response_header: "500ms", request: "500ms", idle: "500ms" },
    },
    {
      name: "patient",
      match: { path: "/patient/*" },
      upstream: "api",
      timeouts: { idle: "60s" },
    },
    { name: "files", match: { path: "/files/*" }, upstream: "nginx", limits: { body: "128MiB" } },
  ],
} as const;
