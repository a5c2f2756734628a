/** Which field names a routes file may touch, and why not the others (build time only). */

/** RFC 9110 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** RFC 9110 7.6.1 and RFC 9112 6: they belong to one connection, not to the message. */
const CONNECTION_FIELDS = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Fields that the core sets on every request, and the one value with which a routes file may name them. */
const SET_BY_CORE: ReadonlyMap<string, string> = new Map([
  ["x-forwarded-for", "{client.ip}"],
  ["x-real-ip", "{client.ip}"],
  ["x-forwarded-host", "{host}"],
  ["x-forwarded-proto", "{scheme}"],
]);

export type Side = "request" | "response";

/** Why a routes file may not name this field; undefined if it may. @param value undefined to remove it */
export function refusal(side: Side, name: string, value: string | undefined): string | undefined {
  const lower = name.toLowerCase();
  if (!TOKEN.test(name)) return `${JSON.stringify(name)} is not a field name; letters, digits and "-" are usual`;
  if (CONNECTION_FIELDS.has(lower)) return `${name} belongs to the connection, and hardwire writes it itself`;
  if (lower === "via") return "every proxy adds itself to Via (RFC 9110 7.6.3), so it can be neither set nor removed";
  if (side === "response") return lower === "date" ? "Date is written by the server on every answer" : undefined;
  if (lower === "host") return "the client's Host is forwarded as it is; there is no setting for another one";
  const own = SET_BY_CORE.get(lower);
  if (own === undefined || own === value) return undefined;
  return `${name} is set by hardwire on every request, always to ${own}; leave it out`;
}

/** Whether the core sets the field anyway, so that there is nothing to add. */
export function isSetByCore(side: Side, name: string): boolean {
  return side === "request" && SET_BY_CORE.has(name.toLowerCase());
}
