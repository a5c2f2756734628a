/**
 * What end-to-end tests are made of: packed binaries that run as on a device, origins and clients on raw TCP, a real
 * nginx. Each piece ends what it started, whatever becomes of the test.
 */
export { atEnd } from "./harness/at-end.ts";
export { blackHole } from "./harness/black-hole.ts";
export { ask, Client, get, head } from "./harness/client.ts";
export { Device, device, HOST_TARGET, hostTarget, pack } from "./harness/device.ts";
export { GATEWAY } from "./harness/gateway.ts";
export { type Answer, fieldOf, type Request } from "./harness/message.ts";
export { nginx, nginxVersion, skipWithoutNginx } from "./harness/nginx.ts";
export { linesOf, type Origin, type OriginConnection, ok, origin } from "./harness/origin.ts";
export { ports } from "./harness/ports.ts";
export { Ended } from "./harness/reader.ts";
export { runFolder } from "./harness/run-folder.ts";
